"""Check a running deployment: ``python -m deployment_check --url URL``."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console

from deployment_check.checks import Verdict
from deployment_check.deployment import Deployment, Unusable, shown
from deployment_check.load.load_checks import LoadChecks
from deployment_check.options import parse
from deployment_check.report.page import page
from deployment_check.report.report import Report, answers, conditions, doubts
from deployment_check.report.terminal import Terminal
from deployment_check.suite import results

PASSED, FAILED, UNUSABLE = 0, 1, 2

_WIDTH = 120  # columns where there is no terminal, as in a log


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = parse(arguments)
    terminal = Terminal(Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH))
    try:
        with Deployment(options) as deployment:
            if options.image:
                return classify(deployment, terminal)
            return check(deployment, terminal)
    except (Unusable, OSError) as error:
        # OSError: of the image, the photographs or the report.
        Terminal(Console(stderr=True, highlight=False)).error(str(error))
        return UNUSABLE


def classify(deployment: Deployment, terminal: Terminal) -> int:
    """Classify one image and print the answer."""
    image = deployment.options.image
    assert image is not None
    top_k = deployment.options.top_k
    params = {} if top_k is None else {"top_k": str(top_k)}
    started = time.perf_counter()
    try:
        response = deployment.client.post("/classify", content=image.read_bytes(), params=params)
        seconds = time.perf_counter() - started
        if response.status_code != 200:
            terminal.error(deployment.redacted(shown(response)))
            return FAILED
        terminal.answer(image.name, deployment.content(response), seconds)
    except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        terminal.error(f"the answer cannot be read: {type(error).__name__}: {error}")
        return FAILED
    return PASSED


def check(deployment: Deployment, terminal: Terminal) -> int:
    """Make every check, print the results and write the report."""
    if deployment.options.report:  # before a minute of checks
        deployment.options.report.mkdir(parents=True, exist_ok=True)
    started, begun = datetime.now(UTC), time.monotonic()
    loading = LoadChecks(terminal.loop)
    terminal.deployment(deployment)
    made = []
    for result in results(deployment, loading):
        terminal.result(result)
        made.append(result)
    known = conditions(deployment.options, loading.found)
    terminal.notes([*known, *doubts(loading.found)])
    terminal.verdict(made)
    if deployment.options.report:
        report = Report(
            deployment.options.url,
            deployment.health,
            started,
            time.monotonic() - begun,
            made,
            loading.found,
            answers(deployment),
            known,
        )
        terminal.note(f"report: {write(report, deployment.options.report)}")
    return FAILED if any(each.verdict is Verdict.FAILED for each in made) else PASSED


def write(report: Report, folder: Path) -> Path:
    """Write ``report.json`` and ``report.html`` into a folder; returns the page's path."""
    (folder / "report.json").write_text(json.dumps(report.content(), indent=1) + "\n")
    path = folder / "report.html"
    path.write_text(page(report), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
