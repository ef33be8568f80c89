import pytest

from preprocessing import FORMATS
from preprocessing.encoded import format_of
from tests.support.toys import RED, encoded


@pytest.mark.parametrize("name", FORMATS)
def test_the_first_byte_tells_the_format(name: str) -> None:
    image = encoded(RED, (16, 16), name)
    assert format_of(image) == format_of(memoryview(image)) == name.lower()
