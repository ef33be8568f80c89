"""The page in Chromium, as people use it."""

import ast
import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.serving.page.conftest import KEY, MAX_BODY_BYTES, MAX_PENDING, Opened, Tabs
from tests.support.servers import Server
from tests.support.toys import BLUE, GREEN, RED, encoded

pytestmark = pytest.mark.slow

RED_BARS = ["red 99.2 %", "green 0.4 %", "blue 0.4 %"]

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Files by name: three images, a broken one, and text."""
    content = {
        "red.png": encoded(RED, (60, 30)),
        "green.jpg": encoded(GREEN, (30, 60), "JPEG"),
        "a 'blue'; one.webp": encoded(BLUE, image_format="WEBP"),
        "broken.jpg": encoded(RED, (64, 64), "JPEG")[:400],
        "notes.txt": b"no image",
    }
    for name, each in content.items():
        (tmp_path / name).write_bytes(each)
    return {name: tmp_path / name for name in content}


def test_a_chosen_image_is_classified(opened: Opened, images: dict[str, Path]) -> None:
    opened.choose(images["red.png"])
    assert opened.text("#result-title") == "red"
    assert opened.texts("#bars li") == RED_BARS
    assert opened.text("#status") == "red.png: red, 99.2 %"
    assert opened.text("#caption") == "red.png, 60 × 30 pixels"
    widths = opened.page.eval_on_selector_all("#bars i", "found => found.map(i => i.style.width)")
    assert widths == ["99.22%", "0.39%", "0.39%"]


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_an_image_may_be_dropped_or_pasted(opened: Opened, event: str) -> None:
    opened.transfer(event, "image.png", encoded(GREEN))
    assert opened.text("#status") == "image.png: green, 99.2 %"


def test_an_address_is_no_image(opened: Opened) -> None:
    opened.transfer("paste", "", b"")
    assert opened.text("#error-title") == "That is not an image file"


@pytest.mark.parametrize(
    ("name", "title", "message"),
    [
        ("broken.jpg", "The image is damaged", "the image is truncated or corrupt"),
        ("notes.txt", "This is not an image that the service takes", "not an image"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_words(
    opened: Opened, images: dict[str, Path], name: str, title: str, message: str
) -> None:
    opened.choose(images[name])
    assert opened.text("#error-title") == title
    assert re.match(rf"{message}.* · Request id \w+$", opened.text("#error-message"))
    assert not opened.page.is_visible("#result")


def test_a_file_of_too_many_bytes(opened: Opened, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(MAX_BODY_BYTES + 1))
    opened.choose(large)
    assert opened.text("#error-title") == "The file has too many bytes"


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


def test_several_images_are_a_grid_and_one_is_shown_in_full(
    opened: Opened, images: dict[str, Path]
) -> None:
    opened.choose(*images.values())
    assert opened.text("#batch-title") == "5 images"
    assert opened.texts("#grid .words") == [
        "red, 99.2 %",
        "green, 98.8 %",
        "blue, 99.1 %",
        "The image is damaged",
        "This is not an image that the service takes",
    ]
    assert opened.text("#result-title") == "red"
    opened.page.locator(".card").nth(2).click()
    assert opened.text("#result-title") == "blue"
    opened.page.locator(".card").nth(3).click()
    assert opened.text("#error-title") == "The image is damaged"
    pressed = opened.page.locator(".card[aria-pressed=true]")
    assert pressed.locator(".name").all_inner_texts() == ["broken.jpg"]


def test_a_batch_that_is_refused_as_a_whole_is_sent_in_halves(
    opened: Opened, tmp_path: Path
) -> None:
    halves = [tmp_path / name for name in ("first.bmp", "second.bmp", "too_large.bmp")]
    sizes = (0.6, 0.6, 1.1)
    for path, size in zip(halves, sizes, strict=True):
        padding = bytes(int(size * MAX_BODY_BYTES))
        path.write_bytes(encoded(RED, image_format="JPEG") + padding)
    opened.choose(*halves)
    assert opened.texts("#grid .words")[2] == "The file has too many bytes"
    assert opened.texts("#grid .words")[:2] == ["red, 99.2 %"] * 2


def test_the_time_is_split_and_adds_up(opened: Opened, images: dict[str, Path]) -> None:
    opened.choose(images["red.png"])
    rows = [text.rsplit(" ", 2) for text in opened.texts("#stages tr")]
    assert [name for name, _, _ in rows][-2:] == ["Network and browser", "Together"]
    *parts, whole = (float(figure) for _, figure, _ in rows)
    assert sum(parts) == pytest.approx(whole, abs=2)  # each is rounded


def test_the_page_asks_for_the_key_and_keeps_it_in_memory_only(
    tabs: Tabs, images: dict[str, Path]
) -> None:
    opened = tabs.open(key=None)
    assert not opened.page.is_visible("#key-form")
    assert not opened.page.is_visible("#story")
    opened.choose(images["red.png"])
    assert opened.text("#error-title") == "This service needs an API key"
    enter(opened, "wrong")
    opened.page.wait_for_selector("text=The service does not know this key")
    enter(opened, KEY)
    opened.page.wait_for_selector("#result:visible")
    assert opened.texts("#bars li") == RED_BARS
    assert opened.page.is_visible("#story")
    assert not opened.page.is_visible("#key-form")
    kept = "[document.cookie, localStorage.length, sessionStorage.length]"
    assert opened.page.evaluate(kept) == ["", 0, 0]
    assert KEY not in opened.page.content()


def enter(opened: Opened, key: str) -> None:
    """Type a key and send it."""
    opened.page.fill("#key", key)
    opened.page.press("#key", "Enter")


@pytest.mark.parametrize(
    "names", [["red.png"], ["a 'blue'; one.webp"], ["red.png", "a 'blue'; one.webp"]]
)
def test_the_lines_shown_do_the_same(tabs: Tabs, images: dict[str, Path], names: list[str]) -> None:
    opened = tabs.open(key=None)
    opened.choose(*[images[name] for name in names])
    enter(opened, KEY)
    opened.page.wait_for_selector("#result:visible")
    opened.page.click("#code summary")
    expected = [name.removeprefix("a '").partition(".")[0].partition("'")[0] for name in names]
    folder = images["red.png"].parent
    assert labels(json.loads(run(["bash", "-c", opened.text("#curl")], folder))) == expected
    python = run([sys.executable, "-c", opened.text("#python")], folder)
    assert labels(ast.literal_eval(python)) == expected


def run(command: list[str], folder: Path) -> str:
    """What a command prints whose user has the key."""
    variables = {**os.environ, "CLASSIFIER_API_KEY": KEY}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout


def labels(answer: dict[str, Any]) -> list[str]:
    """Of the images of an answer."""
    return [result["label"] for result in answer.get("results", [answer])]


def test_a_busy_service_is_asked_again(
    opened: Opened, images: dict[str, Path], server: Server
) -> None:
    with busy(server):
        for _ in range(20):  # between two batches there is room for a moment
            opened.page.set_input_files("#files", images["red.png"])
            opened.page.wait_for_selector("#result:visible, #status:text('is busy')")
            if not opened.page.is_visible("#result"):
                break
        assert opened.text("#status") == "The service is busy. Trying again in 1 second …"
    opened.wait()
    assert opened.text("#result-title") == "red"


@contextlib.contextmanager
def busy(server: Server) -> Iterator[None]:
    """Other clients send as much as the service takes, and more, until the block ends."""
    body = {"images": [base64.b64encode(encoded(RED)).decode()] * MAX_PENDING}
    over = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, timeout=20) as client:
            while not over.is_set():
                client.post("/classify_batch", json=body)

    with ThreadPoolExecutor(4) as others:
        sent = [others.submit(send) for _ in range(4)]
        try:
            yield
        finally:
            over.set()
    for each in sent:
        each.result()


def test_a_service_that_is_gone(opened: Opened, images: dict[str, Path]) -> None:
    opened.page.context.set_offline(True)
    opened.choose(images["red.png"])
    assert opened.text("#error-title") == "The service cannot be reached"


def test_what_is_served_stands_at_the_foot(opened: Opened) -> None:
    assert opened.text("#footer-line") == "image_classifier:toy, toy, fp32, on cpu"
    assert opened.text("#notice") == "This model has random weights: its answers mean nothing."
    opened.page.click("#story > summary")
    names = opened.texts("#facts dt")
    facts = dict(zip(names, opened.texts("#facts dd"), strict=True))
    assert facts["Weights"] == "by hand (not trained)"
    assert facts["Compared with PyTorch"] == (
        "probabilities differ by at most 0.0e+0 (1.0e-4 is let through), "
        "the same class for 100.0 % of 1 input"
    )
    opened.page.click("#labels-summary")
    assert opened.texts("#labels li") == ["red", "green", "blue"]


def test_it_works_with_the_keyboard_alone(opened: Opened, images: dict[str, Path]) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([images["red.png"], images["green.jpg"]])
    opened.wait()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").endswith("green.jpg"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#result-title:text-is('green')")


def test_a_phone_has_a_camera_and_room_for_everything(tabs: Tabs, images: dict[str, Path]) -> None:
    opened = tabs.open(**PHONE)
    assert opened.page.locator(".camera").is_visible()
    assert opened.page.get_attribute("#camera", "capture") == "environment"
    opened.choose(*images.values())
    opened.page.click("#code summary")
    opened.page.click("#story > summary")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(("scheme", "device"), [("light", {}), ("dark", PHONE)])
def test_axe_finds_nothing(
    tabs: Tabs, images: dict[str, Path], scheme: str, device: dict[str, Any]
) -> None:
    opened = tabs.open(color_scheme=scheme, **device)
    opened.choose(*images.values())
    for summary in ("#code summary", "#story > summary", "#labels-summary"):
        opened.page.click(summary)
    found = Axe().run(opened.page).response["violations"]
    opened.page.locator(".failed").first.click()
    found += Axe().run(opened.page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_dark_and_light_are_what_the_system_says(tabs: Tabs) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    found = [tabs.open(color_scheme=scheme).page.evaluate(colour) for scheme in ("light", "dark")]
    assert found == ["rgb(246, 247, 249)", "rgb(20, 23, 27)"]


def test_it_asks_nobody_else_and_breaks_no_rule_of_its_policy(
    opened: Opened, images: dict[str, Path], server: Server
) -> None:
    opened.choose(*images.values())
    own = (server.url, "blob:", "data:")
    assert [address for address in opened.asked if not address.startswith(own)] == []
    assert opened.complaints == []


def test_bentomls_documents_are_at_docs(opened: Opened) -> None:
    opened.page.click("text=API documents")
    opened.page.wait_for_selector("text=Classify several images")
