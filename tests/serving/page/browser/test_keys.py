"""The page where keys are on, and its lines of curl and Python, which take the key."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serving.page.browser.conftest import KEY, RED_BARS, Opened, Tabs

pytestmark = pytest.mark.slow


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
    """What a command of a user with the key prints."""
    variables = {**os.environ, "CLASSIFIER_API_KEY": KEY}
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=True
    )
    return done.stdout


def labels(answer: dict[str, Any]) -> list[str]:
    """Of the images of an answer."""
    return [result["label"] for result in answer.get("results", [answer])]
