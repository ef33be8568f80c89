"""Encoded images, and their formats."""

Encoded = bytes | memoryview
"""An image as a file holds it."""

# Those of preprocessing.isolated.formats.FORMATS; an AVIF begins with the length of its first box.
_FIRST_BYTES = {0xFF: "jpeg", 0x89: "png", ord("G"): "gif", ord("R"): "webp"}
_OTHERWISE = "avif"


def format_of(encoded: Encoded) -> str:
    """The format of an image that could be decoded, in lower case: its first byte tells."""
    return _FIRST_BYTES.get(encoded[0], _OTHERWISE)
