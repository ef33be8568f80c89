"""The contact sheets of whole runs."""

import base64
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch.classification.parts import Part
from batch.contact_sheet import selection
from batch.contact_sheet.sheet import ContactSheet
from batch.engines.plan import plan
from batch.options import Options, job_of
from batch.rows.row import table
from batch.run import run
from harness.toys import BLUE, RED, encoded
from tests.batch.conftest import SETTINGS

pytestmark = pytest.mark.slow


@pytest.fixture
def options(photographs: Path, model: Path, tmp_path: Path) -> Options:
    """A red photograph says that it is green, another is no image."""
    (photographs / "green/0.png").write_bytes(encoded(RED))
    (photographs / "blue/4.png").write_bytes(b"no <image>")
    output, sheet = tmp_path / "rows.parquet", tmp_path / "sheet.html"
    return Options(str(photographs), output, model=str(model), contact_sheet=sheet)


def written(options: Options) -> str:
    assert options.contact_sheet is not None
    return options.contact_sheet.read_text(encoding="utf-8")


def headings(page: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", page)


def names(page: str) -> list[str]:
    return ["/".join(name.split("/")[-2:]) for name in re.findall("<code>(.*?)</code>", page)]


def test_mistakes_come_first_then_failures_then_the_others(options: Options) -> None:
    run(options, SETTINGS)
    page = written(options)
    assert headings(page) == ["Mistakes: 1", "Not classified: 1", "All others"]
    assert "30 photographs, 1 not classified\n" in page
    assert "top-1: 96.55%, 28 of 29 labelled photographs" in page
    assert names(page)[:2] == ["green/0.png", "blue/0.png"]
    assert len(names(page)) == 29
    assert "<b>green (1)</b>" in page
    assert "blue/4.png</td><td>unsupported_image</td>" in page
    picture = base64.b64decode(re.findall('base64,(.*?)"', page)[0])
    seen = np.asarray(Image.open(BytesIO(picture))).astype(int)
    assert seen.shape == (4, 4, 3)
    assert np.abs(seen - RED).max() <= 2


def test_a_large_run_shows_a_few_and_counts_the_rest(
    options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, most in (("MAX_MISTAKES", 2), ("MAX_PHOTOGRAPHS", 3), ("MAX_FAILURES", 0)):
        monkeypatch.setattr(selection, name, most)
    labels = tmp_path / "labels.csv"
    rows = [f"{colour}/{n}.png,green" for colour in ("blue", "red") for n in range(2)]
    labels.write_text("\n".join(["file,label", *rows]))
    run(replace(options, labels=labels), SETTINGS)
    assert headings(written(options)) == [
        "Mistakes: 4, the 2 most confident; 2 more are left out",
        "Not classified: 1, the first 0; 1 more are left out",
        "The first 3; 24 more are left out",
    ]


def test_a_decision_stands_on_its_card(options: Options) -> None:
    run(replace(options, threshold=1), SETTINGS)
    assert "<b>red (0) · decision: none</b>" in written(options)


def test_without_labels_no_mistake_is_known(options: Options, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    (tmp_path / "a.png").write_bytes(encoded(BLUE))
    listed.write_text(f"{tmp_path}/a.png\n")
    run(replace(options, given=str(listed)), SETTINGS)
    assert headings(written(options)) == ["All others"]
    assert "labels:" not in written(options)


def test_a_photograph_that_is_gone_is_told(options: Options, tmp_path: Path) -> None:
    job = job_of(options, SETTINGS, plan(SETTINGS, 1, 0)[0])
    sheet = ContactSheet(job, iter(()), None)
    gone = {"path": "gone.png", "class_id": 0, "confidence": 1.0, "predictions": []}
    assert len(list(sheet.seen([(Part(0, ["gone.png"]), table([gone]))]))) == 1
    sheet.write(tmp_path / "own.html")
    assert "no longer there" in (tmp_path / "own.html").read_text()
