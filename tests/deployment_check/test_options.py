from pathlib import Path

import pytest

from deployment_check.options import KEY_VARIABLE, Options, parse

URL = "http://127.0.0.1:3000"


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert parse(["--url", URL + "/"]) == Options(URL)


def test_everything(tmp_path: Path) -> None:
    given = parse(
        f"--url https://example.org/prefix --api-key k --concurrency 16 --seconds 2.5 --rate 40 "
        f"--max-p99-ms 50 --photographs {tmp_path} --yes --report {tmp_path}/r".split()
    )
    assert given == Options(
        "https://example.org/prefix",
        "k",
        concurrency=16,
        seconds=2.5,
        rate=40,
        max_p99_ms=50,
        photographs=tmp_path,
        yes=True,
        report=tmp_path / "r",
    )


def test_the_key_may_be_a_variable_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a-secret")
    options = parse(["--url", URL])
    assert options.api_key == "a-secret"
    assert "a-secret" not in repr(options)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "--url ftp://127.0.0.1",
        "--url 127.0.0.1:3000",
        "--url http://user:password@127.0.0.1",
        "--url http://127.0.0.1?key=1",
        f"--url {URL} --concurrency 257",
        f"--url {URL} --concurrency 0",
        f"--url {URL} --concurrency x",
        f"--url {URL} --seconds 301",
        f"--url {URL} --seconds nan",
        f"--url {URL} --rate 2001",
        f"--url {URL} --image nowhere.jpg",
        f"--url {URL} --photographs nowhere",
    ],
)
def test_a_wrong_command_ends_with_2(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(wrong.split())
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:3000", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:3000/prefix", True),
        ("http://localhost:3000", True),
        ("http://192.0.2.1:3000", False),
        ("http://0.0.0.0:3000", False),
        ("http://127.0.0.1.invalid", False),
    ],
)
def test_which_hosts_are_this_machine(url: str, loopback: bool) -> None:
    assert Options(url).is_loopback is loopback
