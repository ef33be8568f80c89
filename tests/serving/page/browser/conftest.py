"""A browser, and one service for all that it asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from harness.servers import Server, running, toy_home
from harness.toys import BLUE, GREEN, RED, encoded
from tests.support.shared import Shared
from tests.support.tools import program

KEY = "secret"
MAX_PENDING = 8
MAX_BODY_BYTES = 300_000

RED_BARS = ["red 99.2 %", "green 0.4 %", "blue 0.4 %"]
"""What the page shows of a red image."""

PATIENCE_MS = 20_000
"""Milliseconds after which a test that hangs fails."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For one module only: until it ends, no other test can run an event loop.
    path = program("chromium", "chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def server(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Wants a key for all but the page, has random weights, and is easy to overload."""
    folder = tmp_path_factory.mktemp("page")
    settings = {
        "CLASSIFIER_WORKERS": "1",
        "CLASSIFIER_API_KEYS": KEY,
        "CLASSIFIER_PAGES_NEED_KEY": "true",
        "CLASSIFIER_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        # A batch waits for more images than may wait.
        "CLASSIFIER_MAX_PENDING_IMAGES": str(MAX_PENDING),
        "CLASSIFIER_MAX_BATCH_SIZE": str(2 * MAX_PENDING),
        "CLASSIFIER_MAX_BATCH_DELAY_MS": "100",
    }
    return shared.server(
        "page", lambda: running(toy_home(folder, pretrained=False), folder, settings)
    )


@dataclass
class Opened:
    """The page in a tab.

    Attributes:
        page: Playwright's.
        asked: every address that the tab has asked for.
        complaints: what the browser's console says.
    """

    page: Page
    asked: list[str]
    complaints: list[str]

    def text(self, selector: str) -> str:
        """What an element shows, once it is there."""
        return self.page.locator(selector).inner_text()

    def texts(self, selector: str) -> list[str]:
        """What elements show, each in one line."""
        found = self.page.locator(selector).all_inner_texts()
        return [" ".join(text.split()) for text in found]

    def choose(self, *files: Path) -> None:
        """Choose files, and wait for what comes of them."""
        self.page.set_input_files("#files", files)
        self.wait()

    def wait(self) -> None:
        """Wait for an answer or an error."""
        self.page.wait_for_selector("#result:visible, #error:visible")

    def transfer(self, event: str, name: str, content: bytes) -> None:
        """Drop or paste a file."""
        self.page.evaluate(_TRANSFER, [event, name, list(content)])
        self.wait()


_TRANSFER = """([event, name, bytes]) => {
  const carried = new DataTransfer();
  if (name) carried.items.add(new File([new Uint8Array(bytes)], name));
  else carried.items.add("https://example.test/cat.jpg", "text/plain");
  const made = event === "drop"
    ? new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: carried, bubbles: true });
  document.getElementById("drop").dispatchEvent(made);
}"""


class Tabs:
    """Opens the page, each time in a browser of its own."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []

    def open(self, *, key: str | None = KEY, **options: Any) -> Opened:
        """The page.

        Args:
            key: that a proxy adds to every request; None: the page must ask for it.
            options: of Playwright's context, such as ``color_scheme``.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        context = self._browser.new_context(extra_http_headers=headers, **options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        opened = Opened(context.new_page(), [], [])
        opened.page.on("request", lambda request: opened.asked.append(request.url))
        opened.page.on("console", lambda message: _note(message, opened.complaints))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.goto(self._url)
        opened.page.wait_for_selector("#footer-line:not(:empty)")
        return opened

    def close(self) -> None:
        """Close all of them."""
        for context in self._contexts:
            context.close()


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    # The browser itself writes a line for each answer with an error's status.
    if not message.text.startswith("Failed to load resource"):
        complaints.append(message.text)


@pytest.fixture
def tabs(browser: Browser, server: Server) -> Iterator[Tabs]:
    tabs = Tabs(browser, server.url + "/")
    yield tabs
    tabs.close()


@pytest.fixture
def opened(tabs: Tabs) -> Opened:
    """The page, as where no key is needed."""
    return tabs.open()


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
