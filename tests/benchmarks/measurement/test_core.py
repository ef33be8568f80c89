"""The limit and the peers do the service's own work."""

from pathlib import Path

import pytest

from benchmarks.measurement.core import Core
from harness.images import save, textured
from harness.toys import write_toy_model
from preprocessing import fast_jpeg


def test_jpegs_are_decoded_by_the_services_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simplejpeg = pytest.importorskip("simplejpeg", reason="there is no wheel for this machine")
    decoded = []

    class Spy:
        @staticmethod
        def decode_jpeg(content: bytes, *given: object, **options: object) -> object:
            decoded.append(content)
            return simplejpeg.decode_jpeg(content, *given, **options)

    monkeypatch.setattr(fast_jpeg, "simplejpeg", Spy)
    write_toy_model(tmp_path)
    photograph = save(textured(300, 200), "JPEG")

    Core(tmp_path).pixels(photograph)

    assert decoded == [photograph]
