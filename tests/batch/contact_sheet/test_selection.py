import pytest

from batch.contact_sheet import selection as module
from batch.contact_sheet.selection import Selection
from batch.rows.row import table


def row(path: str, class_id: int | None, confidence: float | None = None) -> dict[str, object]:
    return {"path": path, "class_id": class_id, "confidence": confidence}


def test_the_most_confident_mistakes_and_the_first_of_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_MISTAKES", 2)
    monkeypatch.setattr(module, "MAX_PHOTOGRAPHS", 3)
    monkeypatch.setattr(module, "MAX_FAILURES", 1)
    classes = {"right": 0, "low": 1, "high": 1, "same": 1, "higher": 1}
    kept = Selection(classes.get)
    first = [("lost", None), ("low", 0.2), ("right", 0.7), ("high", 0.8), ("unknown", 0.9)]
    second = [("same", 0.8), ("gone", None), ("higher", 0.9), ("late", 0.1)]
    for part in (first, second):
        rows = [row(name, None if value is None else 0, value) for name, value in part]
        kept.add([name for name, _ in part], table(rows))
    assert [shown.entry for shown in kept.mistakes] == ["higher", "high"]
    assert [shown.entry for shown in kept.others] == ["low", "right", "unknown"]
    assert [each["path"] for each in kept.failures] == ["lost"]
    assert (kept.photographs, kept.failed, kept.labelled, kept.wrong) == (9, 2, 5, 4)


def test_a_photograph_that_is_there_twice_is_shown_twice() -> None:
    kept = Selection(lambda entry: 1)
    kept.add(["a", "a"], table([row("a", 0, 0.5), row("a", 1, 0.5)]))
    assert [shown.number for shown in kept.mistakes] == [1]
    assert [shown.number for shown in kept.others] == [2]
