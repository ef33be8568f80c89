"""The command, as a user or a CI job runs it: what it prints, its exit status, the report."""

import json
import os
import pty
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from io import StringIO
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement
from rich.console import Console

from deployment_check.__main__ import FAILED, PASSED, UNUSABLE, main
from deployment_check.load.load_checks import why_not
from deployment_check.options import KEY_VARIABLE, Options
from deployment_check.report.terminal import Terminal
from harness.servers import PROJECT, Server, free_port
from harness.toys import RED, encoded
from load_generator.known_images import EXPECTED
from tests.deployment_check.conftest import KEY, Connect
from tests.deployment_check.flawed import flawed
from tests.deployment_check.flaws import GARBAGE_IS_A_500
from tests.support.commands import python
from tests.test_dependencies import modules

ELSEWHERE = "http://192.0.2.1:3000"  # RFC 5737: for documentation, no host has it


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.slow
def test_one_image(good: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "red.png"
    image.write_bytes(encoded(RED))
    assert main(["--url", good.url, "--image", str(image), "--top-k", "2"]) == PASSED
    first, best, second, last = capsys.readouterr().out.splitlines()
    assert first == "red.png: red  99.2%"
    assert re.fullmatch(r" +99\.2% +█{30} +red +0 *", best)
    assert re.fullmatch(r" +0\.4% +▏ +green +1 *", second)
    assert re.fullmatch(
        r"answered in [\d.]+ ms, of which [\d.]+ ms in the service, by image_classifier:toy", last
    )


@pytest.mark.slow
def test_one_file_that_is_no_image(
    good: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    assert main(["--url", good.url, "--image", str(tmp_path / "a.jpg")]) == FAILED
    assert "unsupported_image" in capsys.readouterr().out


@pytest.mark.slow
def test_the_report(good: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a" / "report"
    command = ["--url", good.url, "--seconds", "1", "--concurrency", "3", "--report", str(folder)]
    assert main(command) == PASSED
    printed = capsys.readouterr().out
    assert re.search(r"\d+ passed, 0 failed, \d+ skipped", printed)
    assert "\n  1 client, 1 s …\n" in printed
    assert "\n  3 clients, 1 s …\n" in printed
    assert "\nWorkers of the deployment: 1.\n" in printed
    assert str(folder / "report.html") in printed.replace("\n", "")
    skipped = set(re.findall(r"^– (.+?)  ", printed, flags=re.MULTILINE))
    # What is known of the default model is not asked of the toy.
    assert skipped - {"deadline of 1 ms"} == set(EXPECTED)

    content = json.loads((folder / "report.json").read_text())
    assert (content["verdict"], content["counts"]["failed"]) == ("passed", 0)
    assert content["deployment"]["model"] == "image_classifier:toy"
    _, together, random = content["load"]
    assert [each["loop"] for each in content["load"]] == ["closed", "closed", "open"]
    assert random["arrivals_per_second"] == pytest.approx(0.6 * together["answers_per_second"])
    right = together["outcomes"]["answered right"]
    assert together["latency_seconds"]["count"] == right > 0
    for each in content["load"]:
        stages = each["stages_ms"]
        assert list(stages) == [
            *("decode and resize", "inference", "waiting, HTTP", "network, client")
        ]
        assert sum(stages.values()) == pytest.approx(1000 * each["latency_seconds"]["mean"])
    lines = ("batch_size", "pending_images", "resident_megabytes", "answers_per_second")
    assert all(content["series"][name] for name in lines)

    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 10
    assert "✓ passed" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert not re.search(r"url\(|@import|<script", page)
    assert KEY not in page + json.dumps(content) + printed


@pytest.mark.slow
def test_a_failed_check(good: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with flawed(good.url, GARBAGE_IS_A_500) as url:
        assert main(["--url", url, "--no-load"]) == FAILED
    printed = capsys.readouterr().out
    assert re.search(r"✗ garbage +500 'Internal Server Error', not 415", printed)
    assert "1 failed" in printed


@pytest.mark.slow
@pytest.mark.parametrize(("key", "advice"), [("", "is needed"), ("bad", "is not accepted")])
def test_without_the_right_key_nothing_is_checked(
    key: str,
    advice: str,
    good: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    assert main(["--url", good.url]) == UNUSABLE
    assert f"an API key {advice}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_report_that_cannot_be_written_is_said_before_the_checks(
    good: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    command = ["--url", good.url, "--no-load", "--report", str(tmp_path / "file/report")]
    assert main(command) == UNUSABLE
    printed = capsys.readouterr()
    assert "Not a directory" in printed.err
    assert "GET /livez" not in printed.out


@pytest.mark.slow
def test_the_name_of_a_model_is_not_markup(good: Server, connect: Connect) -> None:
    deployment, printed = connect(good.url), StringIO()
    deployment.health = {"model": "[/bold]", "device": "[red]"}
    Terminal(Console(file=printed, width=120)).deployment(deployment)
    assert printed.getvalue() == f"{good.url}  [/bold] on [red]\n"


def test_a_deployment_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert main(["--url", url]) == UNUSABLE
    assert f"{url} does not answer: Connection refused\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (Options("http://127.0.0.1:1"), None),
        (Options("http://127.0.0.1:1", load=False), "--no-load"),
        (Options(ELSEWHERE), "a host that is not this one is not loaded without --yes"),
        (Options(ELSEWHERE, yes=True), None),
        (Options(ELSEWHERE, yes=True, load=False), "--no-load"),
    ],
)
def test_another_host_is_sent_load_only_with_permission(
    options: Options, reason: str | None
) -> None:
    # No terminal: pytest reads from nothing.
    assert why_not(options) == reason


@pytest.mark.parametrize(("typed", "reason"), [("y", "None"), ("", "you said no")])
@pytest.mark.slow
def test_at_a_terminal_it_asks_before_it_loads_another_host(typed: str, reason: str) -> None:
    script = (
        "from deployment_check.load.load_checks import why_not;"
        "from deployment_check.options import Options;"
        f"print('answer:', why_not(Options({ELSEWHERE!r}, seconds=5)))"
    )
    keyboard, terminal = pty.openpty()
    with os.fdopen(keyboard, "wb", buffering=0) as keys, os.fdopen(terminal, "rb") as stdin:
        keys.write(f"{typed}\n".encode())
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=PROJECT,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=True,
        )
    printed = " ".join(done.stdout.split())
    assert f"Load {ELSEWHERE} with 8 clients, for 10 s?" in printed
    assert printed.endswith(f"answer: {reason}")


@pytest.mark.slow
def test_it_loads_nothing_that_only_conversion_or_tests_need() -> None:
    script = (
        "import sys, deployment_check.__main__;"
        "print(sorted({'bentoml', 'hypothesis', 'onnx', 'pytest', 'torch'} & set(sys.modules)))"
    )
    assert python("-c", script) == "[]\n"


WITH_OTHERS = {"typing-extensions"}  # comes with pydantic


@pytest.mark.slow
def test_every_library_it_imports_is_a_dependency_of_the_project_or_of_its_extra() -> None:
    project = tomli.loads((PROJECT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["check"]]
    listed = {Requirement(each).name for each in wanted} | WITH_OTHERS
    tool = modules((PROJECT / "deployment_check").rglob("*.py"))
    owners = packages_distributions()
    tops = {name.partition(".")[0] for name in tool} & owners.keys() - {"deployment_check"}
    imported = {owners[top][0].lower().replace("_", "-") for top in tops}
    assert imported <= listed
    assert imported >= {"aiohttp", "httpx", "jsonschema", "rich"}
