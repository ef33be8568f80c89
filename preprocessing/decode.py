"""Encoded bytes → RGB image.

One rule for each kind of image:

- The orientation of its EXIF data is applied; an unreadable one is ignored.
- Transparency (alpha, palette, or the colour key of 8-bit and 16-bit greyscale and of
  8-bit RGB) is composited over white: colours hidden under it never show.
- Greyscale and bilevel become three equal channels; 16-bit greyscale keeps its high byte.
- CMYK is converted as Pillow does it, without colour management; embedded ICC
  profiles are ignored, as they were in training.
- Of an animation the first frame counts.
"""

import warnings
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import AvifImagePlugin, ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from errors import CorruptImage, ExtremeAspectRatio, ImageTooLarge, UnsupportedImage
from preprocessing.structure import Size, check_structure

# Pillow's JPEG plugin also opens "MPO": what phones write, a JPEG with a preview behind it.
FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "WEBP")
"""Image formats that are taken, as far as the installed Pillow decodes them."""

# The limits below are checked on the header, with a clear error; Pillow's own check
# would only warn at this size.
Image.MAX_IMAGE_PIXELS = None

# About odd metadata, one for every tag: a file could fill the log.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Images are decoded side by side, by as many threads as there are processors.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Characters of a PNG's texts together: Pillow keeps them, with up to four bytes each.
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 1024 * 1024

# An AVIF may have its transparency, tiles and layers beside the image itself.
_FULL_FRAMES = 4

_BACKGROUND = (255, 255, 255)

# Exif 2.32, tag 0x0112: what has to be done to the stored image to see it upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class DecodeLimits:
    """Checked on an image's header, before any pixel is decoded.

    Attributes:
        max_pixels: width × height.
        max_aspect_ratio: longer side divided by shorter side.
    """

    max_pixels: int
    max_aspect_ratio: float


def decode(encoded: bytes | memoryview, limits: DecodeLimits) -> Image.Image:
    """Decode an image to 8-bit RGB, upright.

    Raises:
        UnsupportedImage: the bytes are in none of the formats that are taken.
        CorruptImage: they begin like one of them but cannot be decoded, or not in
            reasonable time.
        ImageTooLarge: more pixels than the limit.
        ExtremeAspectRatio: longer and narrower than the limit.
    """
    content = bytes(encoded)
    _check_frames(check_structure(content), limits)
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
        _check_size(image.width, image.height, limits)
        image.load()
        return _to_rgb(_upright(image))
    except UnidentifiedImageError as error:
        raise UnsupportedImage(
            f"not an image in a supported format ({', '.join(FORMATS)})"
        ) from error
    except (ImageTooLarge, ExtremeAspectRatio, MemoryError):
        raise
    except Exception as error:
        # Pillow's decoders raise many types for broken files (OSError, SyntaxError,
        # ValueError, struct.error, EOFError, …): whatever they raise is the file's fault.
        raise CorruptImage("the image is truncated or corrupt") from error


def _check_frames(sizes: list[Size], limits: DecodeLimits) -> None:
    for width, height in sizes:
        _check_pixels(width, height, limits)
    together = sum(width * height for width, height in sizes)
    if together > _FULL_FRAMES * limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {len(sizes)} frames of {together} pixels, "
            f"more than {_FULL_FRAMES} times the limit of {limits.max_pixels}"
        )


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    _check_pixels(width, height, limits)
    if max(width, height) > limits.max_aspect_ratio * min(width, height):
        raise ExtremeAspectRatio(
            f"the image is {width} x {height}, its sides differ by more than "
            f"the limit of 1:{limits.max_aspect_ratio:g}"
        )


def _check_pixels(width: int, height: int, limits: DecodeLimits) -> None:
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image has {width} x {height} = {width * height} pixels, "
            f"more than the limit of {limits.max_pixels}"
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        # A photograph with damaged EXIF data is still a photograph.
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip 16 bits to 255 instead of scaling them.
        grey = np.asarray(image)
        high_byte = (grey >> 8).clip(0, 255).astype(np.uint8)
        if (colour_key := image.info.get("transparency")) is not None:
            high_byte[grey == colour_key] = 255
        return Image.fromarray(high_byte).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        background = Image.new("RGB", image.size, _BACKGROUND)
        background.paste(rgba, mask=rgba.getchannel("A"))
        return background
    return image.convert("RGB")
