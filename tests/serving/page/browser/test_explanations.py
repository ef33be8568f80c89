"""Where the model saw each class, drawn over the photograph."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from harness.images import rotated_twin
from harness.servers import PROJECT, Server
from harness.toys import BLUE, RED
from tests.serving.page.browser.conftest import RED_BARS, Opened, Tabs

pytestmark = pytest.mark.slow


def test_a_heat_map_shows_where_a_class_is_seen(opened: Opened, tmp_path: Path) -> None:
    halves = Image.new("RGB", (60, 30), RED)
    halves.paste(BLUE, (30, 0, 60, 30))
    halves.save(tmp_path / "halves.png")
    opened.choose(tmp_path / "halves.png")
    opened.page.click("#explain")
    opened.page.wait_for_selector("#heat:visible")
    assert opened.texts("#map-choice label") == ["red", "blue", "green"]
    assert opened.text("#map-words") == (
        "The evidence for red is strongest at the top left. "
        "Covering that place lowers the confidence most."
    )
    assert drawn(opened) == [True, False]
    opened.page.check("text=blue")
    assert opened.page.get_attribute("#heat", "aria-label") == (
        "Heat map of blue: strongest at the top right"
    )
    assert drawn(opened) == [False, True]
    opened.page.fill("#strength", "20")
    style = "(element, name) => element.style[name]"
    heat = opened.page.locator("#heat")
    found = {name: heat.evaluate(style, name) for name in ("opacity", "left", "width", "height")}
    assert found == {"opacity": "0.2", "left": "25%", "width": "50%", "height": "100%"}


def test_a_photograph_that_a_phone_stored_turned_is_outlined_upright(
    opened: Opened, tmp_path: Path
) -> None:
    upright = Image.new("RGB", (64, 128), BLUE)
    upright.paste(RED, (0, 0, 64, 64))
    (tmp_path / "turned.jpg").write_bytes(rotated_twin(upright, 6, "JPEG"))
    opened.choose(tmp_path / "turned.jpg")
    assert opened.text("#caption") == "turned.jpg, 64 × 128 pixels"
    opened.page.click("#explain")
    opened.page.wait_for_selector("#heat:visible")
    assert opened.page.get_attribute("#heat", "aria-label") == (
        "Heat map of red: strongest at the top left"
    )
    place = "({ style }) => [style.left, style.top, style.width, style.height]"
    for element in ("#crop", "#heat"):
        found = opened.page.locator(element).evaluate(place)
        assert found == ["0%", "25%", "100%", "50%"], element


def test_an_empty_number_of_classes_means_the_services_own(
    opened: Opened, images: dict[str, Path]
) -> None:
    opened.page.fill("#top-k", "")
    opened.page.press("#top-k", "Enter")  # or the click below would ask once more
    opened.choose(images["red.png"])
    assert opened.texts("#bars li") == RED_BARS
    opened.page.click("#explain")
    opened.page.wait_for_selector("#heat:visible, #error:visible")
    assert opened.texts("#map-choice label") == ["red", "green", "blue"]
    opened.page.click("#code summary")
    assert "top_k" not in opened.text("#curl") + opened.text("#python")


def drawn(opened: Opened) -> list[bool]:
    """Whether the heat map covers the photograph, at its left and at its right side."""
    return [
        opened.page.locator("#heat").evaluate(
            """(heat, share) => heat.getContext("2d")
                 .getImageData(share * heat.width, heat.height / 2, 1, 1).data[3] > 200""",
            share,
        )
        for share in (0.1, 0.9)
    ]


def test_a_class_activation_map_adds_up_to_the_logit(
    browser: Browser, default_server: Server
) -> None:
    tabs = Tabs(browser, default_server.url)
    opened = tabs.open(key=None)
    opened.choose(PROJECT / "test_images/coffee.jpg")
    opened.page.click("#explain")
    words = re.compile(r"Its logit, (\S+), is the mean of this map plus the bias: (\S+)\.$")
    opened.page.wait_for_selector("#heat:visible")
    found = words.search(opened.text("#map-words"))
    assert found is not None
    assert float(found[1]) == pytest.approx(float(found[2]), abs=0.002)
    tabs.close()
