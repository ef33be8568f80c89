"""The format of a file that was decoded, told by its first byte."""

# Those of preprocessing.isolated.formats.FORMATS; an AVIF begins with the length of its first box.
_FIRST_BYTES = {0xFF: "jpeg", 0x89: "png", ord("G"): "gif", ord("R"): "webp"}
_OTHERWISE = "avif"


def format_of(encoded: bytes | memoryview) -> str:
    """The format of an image that could be decoded, in lower case."""
    return _FIRST_BYTES.get(encoded[0], _OTHERWISE)
