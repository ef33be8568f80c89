"""The page with a keyboard, on a phone, in the dark, for a screen reader."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from harness.servers import Server
from tests.serving.page.browser.conftest import Opened, Tabs

pytestmark = pytest.mark.slow


PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}


def test_it_works_with_the_keyboard_alone(opened: Opened, images: dict[str, Path]) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    page.wait_for_function("document.activeElement.id === 'files'")
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


def test_it_asks_no_other_host_and_keeps_its_policy(
    opened: Opened, images: dict[str, Path], server: Server
) -> None:
    opened.choose(*images.values())
    own = (server.url, "blob:", "data:")
    assert [address for address in opened.asked if not address.startswith(own)] == []
    assert opened.complaints == []
