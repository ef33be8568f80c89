"""Photograph the page of a running service, with an answer: ``docs/page.png``."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Page, ViewportSize, sync_playwright

from batch.files import writable, write_whole

PROJECT = Path(__file__).parents[1]
PHOTOGRAPH = PROJECT / "test_images/chelsea.jpg"
OUTPUT = PROJECT / "docs/page.png"

_BROWSER = "chromium"
_VIEW: ViewportSize = {"width": 1100, "height": 860}
_COLOURS = 256  # of the palette of a PNG, at most


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m docs.screenshot", description=__doc__)
    parser.add_argument("url", help="of the running service")
    parser.add_argument("--output", type=writable, default=OUTPUT, help="PNG to write")
    given = parser.parse_args(arguments)
    try:
        picture = screenshot(given.url)
        write_whole(given.output, lambda file: file.write(picture))
    except Error as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(f"error: no answer of a service at {given.url}; {reason}") from error
    except OSError as error:
        raise SystemExit(f"error: {error}") from error


def screenshot(url: str) -> bytes:
    """The page with a photograph that was classified, and explained if the service does that.

    A FileNotFoundError without Chromium, playwright's Error if the page shows no answer.
    """
    browser = shutil.which(_BROWSER)
    if browser is None:
        raise FileNotFoundError(f"{_BROWSER} is not installed (apt-get install {_BROWSER})")
    # A browser that is killed, as after Ctrl-C, leaves its own temporary files.
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser,
            args=["--no-sandbox"],
            env={**os.environ, "TMPDIR": temporary},
        )
        page = chromium.new_page(viewport=_VIEW)
        page.goto(url)
        _classify(page)
        _classify(page)  # the first time a connection and decoders are new to it
        if page.is_visible("#explain"):
            page.click("#explain")
            page.wait_for_selector("#heat:visible")
        return _small(page.screenshot(full_page=True))


def _classify(page: Page) -> None:
    page.set_input_files("#files", PHOTOGRAPH)
    page.wait_for_selector("#result:visible")


def _small(png: bytes) -> bytes:
    """The same picture with a palette, a quarter of the bytes."""
    whole = Image.open(BytesIO(png)).convert("RGB")
    picture = whole.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2)
    smaller = BytesIO()
    picture.save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


if __name__ == "__main__":
    main()
