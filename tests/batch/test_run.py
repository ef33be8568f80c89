"""Whole runs in this process, with the processes that they start."""

import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.errors import BatchError
from batch.options import Options, Shard
from batch.run import Outcome, run
from harness.images import exif, save, textured
from harness.toys import BLUE, GREEN, HIGH, LOW, RED, encoded
from model_spec import Activation, ModelSpec
from tests.batch.conftest import SETTINGS

pytestmark = pytest.mark.slow


def rows(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return found


@pytest.fixture
def options(photographs: Path, model: Path, tmp_path: Path) -> Options:
    output = tmp_path / "rows.parquet"
    return Options(str(photographs), output, model=str(model), part_size=7)


def test_every_photograph_has_one_row_with_its_own_answer(options: Options) -> None:
    assert run(options, SETTINGS) == Outcome(30, Counter({None: 30}))
    found = rows(options.output)
    assert [row["path"].removeprefix(options.given) for row in found] == [
        f"/{colour}/{number}.png" for colour in ("blue", "green", "red") for number in range(10)
    ]
    assert [row["label"] for row in found] == ["blue"] * 10 + ["green"] * 10 + ["red"] * 10
    high, low = round(HIGH, 6), round(LOW, 6)
    assert found[0] == {
        "path": f"{options.given}/blue/0.png",
        "class_id": 2,
        "label": "blue",
        "confidence": high,
        "predictions": [
            {"class_id": 2, "label": "blue", "confidence": high},
            {"class_id": 0, "label": "red", "confidence": low},
            {"class_id": 1, "label": "green", "confidence": low},
        ],
        "error_code": None,
        "error_message": None,
        "width": 8,
        "height": 8,
        "sha256": hashlib.sha256(encoded(BLUE)).hexdigest(),
        "model": "image_classifier:toy",
    }
    assert not options.output.with_name("rows.parquet.unfinished").exists()


def test_an_embedding_is_a_column_if_it_is_asked_for(options: Options) -> None:
    run(replace(options, embedding=True), SETTINGS)
    found = rows(options.output)
    assert [row["embedding"] for row in found[::10]] == [[0, 0, 255], [0, 255, 0], [255, 0, 0]]


def test_a_threshold_makes_a_decision_as_the_service_does(options: Options) -> None:
    run(replace(options, threshold=0.999), SETTINGS)
    reason = "the confidence 0.992248 in 'red' is below its threshold 0.999"
    assert (rows(options.output)[-1]["decision"], rows(options.output)[-1]["reason"]) == (
        None,
        reason,
    )
    run(replace(options, threshold=0, restart=True), SETTINGS)
    assert [row["decision"] for row in rows(options.output)[::10]] == ["blue", "green", "red"]


def test_a_models_own_thresholds_decide_on_several_labels(options: Options, model: Path) -> None:
    several = {
        "activation": Activation.SIGMOID,
        "multi_label": True,
        "thresholds": (0.5, 0.003, 0.5),
    }
    ModelSpec.load(model).model_copy(update=several).save(model)
    run(options, SETTINGS)
    assert pq.read_schema(options.output).field("decision").type == pa.list_(pa.string())
    assert [row["decision"] for row in rows(options.output)[::10]] == [
        ["blue", "green"],
        ["green"],
        ["red", "green"],
    ]
    run(replace(options, threshold=1, restart=True), SETTINGS)
    assert [(row["decision"], row["reason"]) for row in rows(options.output)[::10]] == [
        ([], "no confidence reaches the threshold of its class")
    ] * 3


def test_processes_shards_and_parts_do_not_show_in_the_file(
    options: Options, tmp_path: Path
) -> None:
    run(options, SETTINGS)
    sharded = replace(options, output=tmp_path / "sharded.parquet")
    for number in (2, 0, 2):
        assert run(replace(sharded, shard=Shard(number, 3)), SETTINGS) is None
    # Without a shard: what is left, and all together.
    run(sharded, SETTINGS.model_copy(update={"workers": 2}))
    assert sharded.output.read_bytes() == options.output.read_bytes()


def test_each_failure_has_its_row(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    folder.mkdir()
    expected = {
        "a-good.png": (encoded(RED), "red"),
        "b-cut.png": (encoded(RED, size=(64, 64))[:60], "corrupt_image"),
        "c-text.jpg": (b"no image", "unsupported_image"),
        "d-misnamed.gif": (encoded(GREEN, image_format="JPEG"), "green"),
        "e-huge.png": (encoded(RED) + bytes(5000), "body_too_large"),
        "f-long.png": (encoded(RED, size=(50, 1)), "extreme_aspect_ratio"),
        "g-wide.gif": (encoded(RED, size=(90, 90), image_format="GIF"), "image_too_large"),
        "h-empty.jpg": (b"", "unsupported_image"),
        "j-copy.png": (encoded(RED), "red"),
        "k-unusual.gif": (encoded(BLUE, image_format="GIF"), "blue"),
    }
    for name, (content, _) in expected.items():
        (folder / name).write_bytes(content)
    (folder / "i-turned.jpg").write_bytes(save(textured(30, 20), "JPEG", exif=exif(6)))
    (folder / "l-link.png").symlink_to("a-good.png")
    (folder / "m-loop.png").symlink_to("m-loop.png")
    (folder / "n-gone.png").symlink_to("nowhere")
    os.mkfifo(folder / "o-pipe.png")
    (folder / "p-loop").symlink_to(folder)
    (folder / os.fsdecode(b"q-\xff.png")).write_bytes(encoded(GREEN))
    settings = SETTINGS.model_copy(update={"max_body_bytes": 5000, "max_pixels": 5000})
    output = tmp_path / "rows.parquet"
    outcome = run(Options(str(folder), output, model=str(model), part_size=4), settings)
    found = {row["path"].rpartition("/")[2]: row for row in rows(output)}
    turned = found.pop("i-turned.jpg")
    assert turned["label"]
    assert (turned["width"], turned["height"]) == (30, 20)
    assert {name: row["label"] or row["error_code"] for name, row in found.items()} == {
        **{name: outcome for name, (_, outcome) in expected.items()},
        **{"l-link.png": "red", r"q-\xff.png": "green"},
        **dict.fromkeys(("m-loop.png", "n-gone.png", "o-pipe.png"), "unreadable"),
    }
    assert found["a-good.png"]["sha256"] == found["j-copy.png"]["sha256"]
    assert found["e-huge.png"]["sha256"] is None
    assert found["c-text.jpg"]["sha256"] is not None
    assert outcome is not None
    assert (outcome.photographs, outcome.by_code[None]) == (16, 7)


def test_images_in_a_parquet_file(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "images.parquet"
    images = [encoded(RED), None, encoded(BLUE), b"no image", encoded(GREEN)]
    pq.write_table(pa.table({"image": images}), file, row_group_size=2)
    output = tmp_path / "rows.parquet"
    run(Options(str(file), output, model=str(model), part_size=2), SETTINGS)
    assert [(row["path"], row["label"] or row["error_code"]) for row in rows(output)] == [
        (f"{file}#0", "red"),
        (f"{file}#1", "unreadable"),
        (f"{file}#2", "blue"),
        (f"{file}#3", "unsupported_image"),
        (f"{file}#4", "green"),
    ]


def test_a_folder_without_photographs_is_refused(options: Options, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = replace(options, given=str(tmp_path / "empty"))
    with pytest.raises(BatchError, match="empty has no photographs"):
        run(empty, SETTINGS)
    assert not options.output.with_name("rows.parquet.unfinished").exists()


def test_an_unfinished_run_goes_on_with_the_same_model_and_settings_only(options: Options) -> None:
    run(replace(options, shard=Shard(0, 2)), SETTINGS)
    with pytest.raises(BatchError, match=r"\(top k was 3, is 1\)"):
        run(replace(options, top_k=1), SETTINGS)
    with pytest.raises(BatchError, match=r"\(max pixels was 25000000, is 7\)"):
        run(options, SETTINGS.model_copy(update={"max_pixels": 7}))
    run(replace(options, top_k=1, restart=True), SETTINGS)
    assert {len(row["predictions"]) for row in rows(options.output)} == {1}
