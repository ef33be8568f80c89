"""The hostile corpus, decoded without a service: each file's own class or error."""

import pytest

from hostile.damage import SOUND, decoded_alone, flips, truncations
from hostile.properties import decoded
from hostile.requests.calls import ALL_FILES
from hostile.requests.expected import RED

# Pillow warns of what is odd in a file; the service runs without warnings as errors.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_hostile_file_gets_its_own_class_or_error(name: str) -> None:
    assert decoded_alone(ALL_FILES[name].make()) == ALL_FILES[name].expected


@pytest.mark.parametrize("name", SOUND)
def test_a_file_cut_anywhere_is_refused_unless_its_pixels_are_there(name: str) -> None:
    assert decoded_alone(SOUND[name].content) == RED
    for content, expected in truncations(name):
        assert decoded_alone(content) == expected, len(content)


@pytest.mark.parametrize("name", SOUND)
def test_a_file_with_bits_turned_over_is_an_image_or_refused(name: str) -> None:
    damaged = flips(name)
    assert len({content for content, _ in damaged}) > 50
    for content, _ in damaged:
        decoded(content)
