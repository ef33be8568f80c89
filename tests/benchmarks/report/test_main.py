"""The documents show what the committed results say."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.report import __main__ as report
from benchmarks.report import chart
from benchmarks.report.results import Results
from benchmarks.stacks.stacks import STACKS
from tests.benchmarks.report.samples import results


@pytest.mark.parametrize("document", report.DOCUMENTS, ids=lambda path: path.parent.name)
def test_documents_show_the_committed_results(document: Path) -> None:
    render = report.DOCUMENTS[document]
    assert report.shown(document.read_text()) == render(Results.load(report.PUBLISHED))


def test_tables_are_replaced_between_the_marks() -> None:
    document = "before\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nbehind"
    new = report.replaced(document, r"new \1")
    assert new == "before\n<!-- benchmark -->\nnew \\1\n<!-- /benchmark -->\nbehind"
    assert report.shown(new) == r"new \1"


def test_a_document_without_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match="no <!-- benchmark -->"):
        report.shown("nothing")


def test_results_survive_their_file(tmp_path: Path) -> None:
    results().save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results()


@pytest.mark.slow
def test_the_chart_is_a_picture_of_every_model(tmp_path: Path) -> None:
    chart.draw(results(), tmp_path / "new" / "chart.png")
    with Image.open(tmp_path / "new" / "chart.png") as image:
        assert image.format == "PNG"
        assert image.size == (1210, 396)


@pytest.mark.slow
def test_no_two_stacks_look_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.colors import to_rgb

    figures: list[Any] = []
    monkeypatch.setattr(chart, "save", lambda figure, _: figures.append(figure))
    stacks = list(STACKS)
    many = results().model_copy(update={"versions": {each: {} for each in stacks}})
    chart.draw(many, tmp_path / "chart.png")

    lines = [each for each in figures[0].axes[0].lines if each.get_label() in stacks]
    looks = {(to_rgb(each.get_color()), each.get_linestyle()) for each in lines}
    assert len(looks) == len(stacks) > 10


def test_runs_of_different_models_are_put_together_and_others_are_not() -> None:
    one = results()
    windows = tuple(each.model_copy(update={"model": "other"}) for each in one.windows)
    two = one.model_copy(update={"windows": windows, "seconds": 1, "absences": ()})
    both = one.with_models_of(two)
    assert both.windows == one.windows + windows
    assert (both.seconds, both.absences) == (1, one.absences)
    with pytest.raises(ValueError, match=r"models of both runs: \['toy'\]"):
        one.with_models_of(one)


def test_stacks_stand_in_the_order_of_the_command_and_unknown_ones_last() -> None:
    assert list(results().in_order(["peer", "ours"]).versions) == ["peer", "ours", "gone"]
