import logging
import os
import socket

import click
import pytest

from harness.servers import free_port
from serving.workers.address import check_address, check_address_of_command, in_url, problem_with
from serving.workers.command import status_of
from tests.support.commands import make


def test_a_free_port_is_no_problem() -> None:
    assert problem_with("127.0.0.1", str(free_port())) is None


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert status_of(check_address, ["127.0.0.1", port]) == 1
    assert capsys.readouterr().err == (
        f"error: cannot listen on 127.0.0.1:{port}: another program listens there; "
        "stop it or choose another port\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "problem"),
    [
        ("localhost", "3000", "give an IP address, such as 127.0.0.1, not 'localhost'"),
        ("192.0.2.1", "3000", "this machine does not have that address"),
        *(
            ("127.0.0.1", port, "a port is a whole number from 0 to 65535")
            for port in ("80x", "99999", "-1", "", "²", "3_000")
        ),
    ],
)
def test_the_error_names_the_fault_of_an_address(host: str, port: str, problem: str) -> None:
    assert problem_with(host, port) == problem


@pytest.mark.parametrize(
    ("host", "written"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("::", "[::]")]
)
def test_a_host_as_it_stands_in_a_url(host: str, written: str) -> None:
    assert in_url(host) == written


def test_bentoml_prints_an_address_that_can_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    command = click.Command("serve")
    logger = logging.getLogger("bentoml.serve")
    with click.Context(command) as context:
        context.params = {"host": "::1", "port": port}
        check_address_of_command()
    with caplog.at_level(logging.INFO, logger.name):
        logger.info("listening on %s://%s:%d", "http", "::1", port)
    logger.filters.clear()
    assert caplog.messages == [f"listening on http://[::1]:{port}"]


@pytest.mark.slow
@pytest.mark.parametrize(("host", "written"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")])
def test_make_serve_prints_commands_that_curl_takes(host: str, written: str) -> None:
    asked = ("--dry-run", "serve", f"HOST={host}", "PORT=3001")
    printed = make(*asked, variables=os.environ).stdout
    assert f"http://{written}:3001/classify" in printed
    assert f"http://{written}:3001/health" in printed
    assert f"--host {host} --port 3001" in printed


def test_an_ipv6_address_that_is_in_use_is_said_as_a_url_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = str(taken.getsockname()[1])
        assert status_of(check_address, ["::1", port]) == 1
    assert capsys.readouterr().err.startswith(f"error: cannot listen on [::1]:{port}: another")
