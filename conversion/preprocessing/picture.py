"""An explanation as one picture: the photograph with the crop, what the model sees, the numbers."""

import textwrap

from PIL import Image, ImageDraw, ImageFont

from conversion.preprocessing.explanation import Explanation
from preprocessing.pixels import picture_of

PANEL = 480
"""Pixels of the longer side of each of the two pictures."""

_MARGIN, _LINE, _FONT = 24, 22, 15
_COLUMNS = 118
"""Characters of a line of text in this font and width."""

_PAPER, _INK, _OUTLINE = (255, 255, 255), (20, 20, 20), (220, 30, 30)
_OUTLINE_WIDTH = 3
_HEADINGS = ("the photograph; the model sees what is in the red frame", "what the model sees")


def draw(explanation: Explanation) -> Image.Image:
    """The picture, RGB."""
    panels = (_outlined(explanation), _fitted(picture_of(explanation.pixels)))
    text = [
        line
        for each in explanation.lines
        for line in textwrap.wrap(each, _COLUMNS, subsequent_indent="    ")
    ]
    top = 2 * _MARGIN
    height = top + PANEL + _MARGIN + _LINE * len(text) + _MARGIN
    canvas = Image.new("RGB", (2 * PANEL + 3 * _MARGIN, height), _PAPER)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(_FONT)
    for number, (panel, heading) in enumerate(zip(panels, _HEADINGS, strict=True)):
        left = _MARGIN + number * (PANEL + _MARGIN)
        pen.text((left, _MARGIN - _LINE // 2), heading, _INK, font)
        canvas.paste(panel, (left, top))
    for number, line in enumerate(text):
        pen.text((_MARGIN, top + PANEL + _MARGIN + number * _LINE), line, _INK, font)
    return canvas


def _outlined(explanation: Explanation) -> Image.Image:
    panel = _fitted(explanation.photograph)
    scale = panel.width / explanation.photograph.width
    left, top, right, bottom = (round(edge * scale) for edge in explanation.crop)
    frame = (left, top, max(left, right - 1), max(top, bottom - 1))
    ImageDraw.Draw(panel).rectangle(frame, outline=_OUTLINE, width=_OUTLINE_WIDTH)
    return panel


def _fitted(picture: Image.Image) -> Image.Image:
    """As large as fits into a panel; a small picture shows its pixels as squares."""
    scale = PANEL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
    return picture.convert("RGB").resize(size, method)
