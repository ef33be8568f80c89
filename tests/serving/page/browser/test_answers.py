"""What the page says of an image and of the model."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from playwright.sync_api import Browser

from harness.servers import running, toy_home
from harness.toys import toy_graph, toy_preprocessing
from model_spec import ONNX_FILE, SPEC_FILE, ModelSpec, ResizeMode, Size, sha256_of_file
from preprocessing.transform import crop_box
from tests.serving.page.browser.conftest import RED_BARS, Opened, Tabs

pytestmark = pytest.mark.slow


STAGES = [
    "Receiving the upload",
    "Decoding the image",
    "Resizing and cropping",
    "Waiting for a batch",
    "Inference",
    "Everything else in the service",
    "Network and browser",
    "Together",
]


def test_the_number_of_classes_can_be_chosen(opened: Opened, images: dict[str, Path]) -> None:
    opened.choose(images["red.png"])
    opened.page.fill("#top-k", "2")
    opened.page.press("#top-k", "Enter")
    opened.page.wait_for_selector("#bars li:nth-child(3)", state="detached")
    assert opened.texts("#bars li") == RED_BARS[:2]
    opened.page.fill("#top-k", "0")
    opened.page.press("#top-k", "Enter")
    opened.page.wait_for_selector("#error:visible")
    assert opened.text("#error-title") == "The service refuses these settings"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("red.png", {"left": "25%", "top": "0%", "width": "50%", "height": "100%"}),
        ("green.jpg", {"left": "0%", "top": "25%", "width": "100%", "height": "50%"}),
    ],
)
def test_the_part_that_the_model_saw_is_outlined(
    opened: Opened, images: dict[str, Path], name: str, place: dict[str, str]
) -> None:
    opened.choose(images[name])
    crop = opened.page.wait_for_selector("#crop")
    assert crop is not None
    shown = {side: crop.evaluate("(crop, side) => crop.style[side]", side) for side in place}
    assert shown == place
    opened.page.uncheck("#show-crop")
    assert not crop.is_visible()


SIZES = [(900, 400), (400, 900), (640, 640), (3024, 4032), (30, 20)]

OUTLINES = """async ([preprocessing, sizes]) => {
  const { partOf } = await import("/page/picture.js");
  return sizes.map(([width, height]) => partOf(preprocessing, width, height));
}"""


@pytest.mark.parametrize(
    ("mode", "kept"),
    [(ResizeMode.SHORTEST_SIDE, 224), (ResizeMode.SQUASH, 224), (ResizeMode.LONGEST_SIDE, 256)],
)
def test_the_outline_is_what_the_service_crops(opened: Opened, mode: ResizeMode, kept: int) -> None:
    sides = {"resize_size": Size.square(256), "crop_size": Size.square(kept)}
    preprocessing = toy_preprocessing().model_copy(update={"resize_mode": mode, **sides})
    outlines = opened.page.evaluate(OUTLINES, [preprocessing.model_dump(mode="json"), SIZES])
    for (width, height), part in zip(SIZES, outlines, strict=True):
        left, top, right, bottom = crop_box(width, height, preprocessing)
        # What lies outside of the photograph is padding, and not outlined.
        clipped = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        edges = part["x"], part["y"], part["x"] + part["width"], part["y"] + part["height"]
        assert edges == pytest.approx(clipped, abs=max(width, height) / 256)


def test_the_time_is_split_and_adds_up(opened: Opened, images: dict[str, Path]) -> None:
    opened.choose(images["red.png"])
    rows = [text.rsplit(" ", 2) for text in opened.texts("#stages tr")]
    assert [name for name, _, _ in rows] == STAGES
    *parts, whole = (float(figure) for _, figure, _ in rows)
    assert sum(parts) == pytest.approx(whole, abs=2)  # each is rounded


def test_what_is_served_stands_at_the_foot(opened: Opened) -> None:
    assert opened.text("#footer-line") == "image_classifier:toy, toy, fp32, on cpu"
    assert opened.text("#notice") == "This model has random weights: its answers mean nothing."
    opened.page.click("#story > summary")
    names = opened.texts("#facts dt")
    facts = dict(zip(names, opened.texts("#facts dd"), strict=True))
    assert facts["Weights"] == "by hand (not trained)"
    assert facts["Licence"] == "not known"
    assert facts["Preprocessing"] == (
        "resize mode shortest side, resize size 4 × 4, crop size 4 × 4, interpolation bilinear, "
        "antialias true, rounding torchvision, exact pixels false, channels rgb, mean 0 0 0, "
        "std 1 1 1"
    )
    assert facts["Source of the preprocessing"] == "by hand"
    assert facts["Confidences"] == "softmax, not calibrated, no threshold"
    assert facts["Explained by"] == "occlusion: the model was not searched for maps"
    assert facts["Compared with PyTorch"] == (
        "probabilities differ by at most 0.0e+0 (1.0e-4 is let through), "
        "the same class for 100.0 % of 1 input"
    )
    opened.page.click("#labels-summary")
    assert opened.texts("#labels li") == ["red", "green", "blue"]


def test_a_model_of_two_classes_has_two_bars(
    browser: Browser, images: dict[str, Path], tmp_path: Path
) -> None:
    home = toy_home(tmp_path)
    write_two_classes(home / "models/image_classifier/toy")
    with running(home, tmp_path, {"CLASSIFIER_WORKERS": "1"}) as server:
        opened = Tabs(browser, server.url).open(key=None)
        opened.choose(images["red.png"])
        assert opened.texts("#bars li") == ["red 99.6 %", "blue 0.4 %"]
        opened.page.fill("#threshold", "1")
        opened.page.press("#threshold", "Enter")
        opened.page.wait_for_selector("#decision:visible")
        reason = "the confidence 0.996109 in 'red' is below its threshold 1.0"
        assert opened.text("#decision") == f"No decision: {reason}"
        opened.page.fill("#threshold", "0.9")
        opened.page.press("#threshold", "Enter")
        opened.page.wait_for_selector("#decision:text-is('Decision: red')")
        opened.page.fill("#threshold", "1")
        opened.choose(images["red.png"], images["red.png"])
        assert opened.texts("#grid .words") == ["red, 99.6 % No decision"] * 2


def write_two_classes(folder: Path) -> None:
    """Make a toy model's folder one of a toy without green."""
    graph = toy_graph()
    kept = numpy_helper.from_array(np.array([0, 2]), "kept")
    graph.graph.initializer.append(kept)
    graph.graph.node.insert(2, helper.make_node("Gather", ["means", "kept"], ["both"], axis=1))
    graph.graph.node[3].input[0] = "both"
    graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2
    onnx.save(graph, folder / ONNX_FILE)
    spec = ModelSpec.model_validate_json((folder / SPEC_FILE).read_bytes())
    files = {**spec.files, ONNX_FILE: sha256_of_file(folder / ONNX_FILE)}
    golden = spec.golden.model_copy(update={"confidence": 256 / 257})
    changes = {"labels": ("red", "blue"), "files": files, "golden": golden}
    spec.model_copy(update=changes).save(folder)


def test_bentomls_documents_are_at_docs(opened: Opened) -> None:
    opened.page.click("text=API documents")
    opened.page.wait_for_selector("text=Classify several images")
