"""Limits that are checked on an image's header."""

from dataclasses import dataclass

from errors import ExtremeAspectRatio, ImageTooLarge


@dataclass(frozen=True)
class DecodeLimits:
    """Checked on an image's header, before any pixel is decoded.

    Attributes:
        max_pixels: that decoding computes: width × height; fewer for a large JPEG that is decoded
            at a part of its size.
        max_aspect_ratio: longer side divided by shorter side.
    """

    max_pixels: int
    max_aspect_ratio: float

    def check(self, full: tuple[int, int], scaled: tuple[int, int]) -> None:
        """Check width and height in pixels, of the whole image and as it is decoded.

        Raises:
            ImageTooLarge: decoding would compute more pixels than the limit.
            ExtremeAspectRatio: longer and narrower than the limit.
        """
        width, height = full
        if max(full) > self.max_aspect_ratio * min(full):
            raise ExtremeAspectRatio(
                f"the image is {width} x {height}, its sides differ by more than "
                f"the limit of 1:{self.max_aspect_ratio:g}"
            )
        pixels = scaled[0] * scaled[1]
        if pixels > self.max_pixels:
            decoded = "" if scaled == full else f", decoded at {scaled[0]} x {scaled[1]}"
            raise ImageTooLarge(
                f"the image has {width} x {height}{decoded} = {pixels} pixels, "
                f"more than the limit of {self.max_pixels}"
            )
