from pathlib import Path

import pytest

from resilience import evidence
from resilience.evidence import PAGE, Evidence, page, record, report, table

GOOD = Evidence("a | b", "nothing", "nothing", ok=True)
BAD = Evidence("c", "nothing", "much", ok=False)


def test_a_table_says_what_failed() -> None:
    assert table([GOOD, BAD]).splitlines() == [
        "| case | expected | seen | |",
        "|---|---|---|---|",
        "| a \\| b | nothing | nothing | ok |",
        "| c | nothing | much | **FAILED** |",
    ]


def test_rows_are_printed_and_recorded_and_a_failed_one_is_the_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path / "recorded")
    assert report("soak", iter([GOOD]), recorded=False) == 0
    assert not list(tmp_path.iterdir())
    record("soak", [BAD])
    assert report("soak", iter([GOOD, BAD]), recorded=True) == 1
    assert capsys.readouterr().out == f"{table([GOOD])}\n{table([GOOD, BAD])}\n"
    shown = page()
    assert "1 of 2 as expected" in shown
    assert table([GOOD, BAD]) in shown
    assert "## Overload" not in shown


def test_the_page_is_what_was_recorded() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
