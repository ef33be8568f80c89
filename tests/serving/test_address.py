import socket

import pytest

from serving.address import main, problem_with
from tests.servers import free_port


def test_a_free_port_is_no_problem() -> None:
    assert problem_with("127.0.0.1", str(free_port())) is None


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["127.0.0.1", port]) == 1
    assert capsys.readouterr().err == (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use "
        f"(while attempting to bind on address ('127.0.0.1', {port}))\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "problem"),
    [
        ("localhost", "3000", "'localhost' does not appear to be an IPv4 or IPv6 address"),
        ("127.0.0.1", "80x", "invalid literal for int"),
        ("127.0.0.1", "99999", "65535"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(host: str, port: str, problem: str) -> None:
    assert problem in str(problem_with(host, port))
