"""Which image formats are taken, and the errors for other files.

HEIC, which phones send, needs an optional package, ``pip install '.[heic]'``, and is decoded by the
decoding process only.
"""

import re
from importlib import import_module

from errors import CorruptImage, ImageError, UnsupportedImage
from preprocessing.encoded import Encoded

# Pillow's JPEG plugin also opens "MPO": what phones write, a JPEG with a preview behind it.
FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "WEBP")
"""Image formats that every process takes, as far as the installed Pillow decodes them."""

CORRUPT = "the image is truncated or corrupt"
"""Message for a file that a decoder gives up, or that ends the decoder."""

_HEIF = "HEIF"
"""What pillow-heif calls all formats that libheif decodes, HEIC among them."""

# The first byte of each format; AVIF and HEIC begin with the length of their first box.
_FIRST_BYTES = {0xFF: "jpeg", 0x89: "png", ord("G"): "gif", ord("R"): "webp"}

# Of the formats above. Only an AVIF has avif or avis among the brands at its start.
_START = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBPVP8[ LX]"
    rb"|....ftyp(?:.{4}){0,16}?avi[fs]",
    re.DOTALL,
)
# ISO/IEC 23008-12, the brands of images and of sequences.
_HEIC_START = re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
# A JPEG's frame with other than 8 bits a channel: Pillow's libjpeg-turbo does not decode it.
_FRAME_OF_OTHER_BITS = re.compile(
    rb"\xff[\xc0-\xc3\xc5-\xcb\xcd-\xcf]\0[\x08-\x14][^\x08]", re.DOTALL
)


def install() -> tuple[str, ...]:
    """Load the optional decoder if it is installed; returns Pillow's names of all formats taken."""
    try:
        pillow_heif = import_module("pillow_heif")  # only the decoding process needs it
    except ImportError:
        return FORMATS
    # A thumbnail may show something else than the photograph.
    pillow_heif.register_heif_opener(
        thumbnails=False, aux_images=False, depth_images=False, decode_threads=1
    )
    return (*FORMATS, _HEIF)


def is_heic(content: Encoded) -> bool:
    """Whether the start of a file says that it is a HEIC."""
    return _HEIC_START.match(content) is not None


def format_of(encoded: Encoded) -> str:
    """The format of an image that could be decoded, in lower case."""
    first = _FIRST_BYTES.get(encoded[0])
    return first or ("avif" if _START.match(encoded) else "heic")


def refusal(content: bytes, formats: tuple[str, ...]) -> ImageError:
    """What is wrong with a file that Pillow does not open; ``formats`` are Pillow's names."""
    if content.startswith(b"\xff\xd8\xff") and _FRAME_OF_OTHER_BITS.search(content):
        return UnsupportedImage("JPEGs with other than 8 bits a channel are not supported")
    if _START.match(content):
        return CorruptImage(CORRUPT)
    names = ", ".join(sorted("HEIC" if name == _HEIF else name for name in formats))
    if not is_heic(content):
        return UnsupportedImage(f"not an image in a supported format ({names})")
    if _HEIF in formats:
        return CorruptImage(CORRUPT)
    return UnsupportedImage(
        f"HEIC is not supported without the service's extra 'heic'; supported are {names}"
    )
