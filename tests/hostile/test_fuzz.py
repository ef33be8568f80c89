"""A short look for bytes that break decoding or parsing; `make fuzz` looks for longer."""

import sys
from pathlib import Path

import pytest

from hostile import properties
from hostile.fuzz import TARGETS, fuzz, seeds

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_are_sound(target: str) -> None:
    found = seeds(target)
    assert len(found) > 10
    for seed in found:
        getattr(properties, target)(seed)


@pytest.mark.skipif(sys.platform != "linux", reason="atheris is for Linux")
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_in_a_moment(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    assert fuzz(target, 7, tmp_path) == []
