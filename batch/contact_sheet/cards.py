"""Photographs with their predictions, in an HTML page that needs no other file."""

import base64
from collections.abc import Iterable
from html import escape
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from preprocessing.pixels import Pixels, picture_of

MAX_MISTAKES = 60  # on a page: the most confident ones
_STYLE = Path(__file__).with_name("cards.css")

_QUALITY = 80


class Card(NamedTuple):
    """A photograph on the page."""

    name: str  # of the photograph
    jpeg: bytes | None  # what the model saw; None: it could not be read again
    guesses: tuple[tuple[str, float], ...]  # classes with their probabilities, most probable first
    heading: str = ""  # its class or the decision; empty if neither is known


def named(label: str, class_id: int) -> str:
    """A label with its class id: several classes may have the same label."""
    return f"{label} ({class_id})"


def jpeg_of(pixels: Pixels) -> bytes:
    """Pixels as a small JPEG."""
    buffer = BytesIO()
    picture_of(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def document(title: str, lines: Iterable[str], content: str) -> str:
    """The whole page: lines of text, then the content, which is HTML."""
    title = escape(title)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<main><h1>{title}</h1><pre>{escape(chr(10).join(lines))}</pre>"
        f"{content}</main></body></html>\n"
    )


def section(heading: str, cards: Iterable[Card]) -> str:
    """Cards under a heading, as HTML."""
    return f'<h2>{escape(heading)}</h2><div class="cards">{"".join(map(_card, cards))}</div>'


def _card(card: Card) -> str:
    guesses = "".join(
        f'<span class="guess"><span>{escape(name)}</span>'
        f'<span>{confidence:.1%}</span><i style="width:{100 * confidence:.1f}%"></i></span>'
        for name, confidence in card.guesses
    )
    heading = f"<b>{escape(card.heading)}</b>" if card.heading else ""
    return (
        f'<figure class="card">{_picture(card)}<figcaption>'
        f"{heading}<code>{escape(card.name)}</code>{guesses}</figcaption></figure>"
    )


def _picture(card: Card) -> str:
    if card.jpeg is None:
        return '<div class="none">no longer there</div>'
    source = f"data:image/jpeg;base64,{base64.b64encode(card.jpeg).decode()}"
    return f'<img alt="{escape(card.name)}" loading="lazy" src="{source}">'
