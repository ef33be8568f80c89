"""Images come in, and what is wrong with them is said."""

import base64
import contextlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from harness.servers import Server
from harness.toys import GREEN, RED, encoded
from tests.serving.page.browser.conftest import KEY, MAX_BODY_BYTES, MAX_PENDING, RED_BARS, Opened

pytestmark = pytest.mark.slow


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
