"""The contact sheet of a run, as HTML."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch.classification.decoding import Decoder
from batch.classification.parts import Job, Part
from batch.contact_sheet.cards import Card, document, jpeg_of, named, section
from batch.contact_sheet.labels import EntryLabels, entry_labels
from batch.contact_sheet.selection import Selection, Shown
from batch.files import write_whole
from batch.photographs.reading import Reader
from batch.rows.row import printable
from errors import ClassifierError
from model_spec import ModelSpec


class ContactSheet:
    """Sees all rows of a run and shows a few. Labels and errors are those of ``entry_labels``."""

    def __init__(self, job: Job, entries: Iterable[str], labels: Path | None) -> None:
        self._job, self._spec = job, ModelSpec.load(job.folder)
        self._labels = entry_labels(job.source.given, entries, self._spec.labels, labels)
        self._selection = Selection(self._labels.class_of)

    def seen(self, parts: Iterable[tuple[Part, pa.Table]]) -> Iterator[pa.Table]:
        """Pass on the rows of parts, and note them."""
        for part, rows in parts:
            self._selection.add(part.entries, rows)
            yield rows

    def write(self, file: Path) -> None:
        """Read the shown photographs again, and write the page.

        An OSError if it cannot be written; a RunnerError if the decoding process keeps ending.
        """
        selection = self._selection
        mistakes, others = selection.mistakes, selection.others
        pictures = asyncio.run(_pictures([*mistakes, *others], self._job, self._spec))
        cards = [
            _card(shown, jpeg, self._spec)
            for shown, jpeg in zip([*mistakes, *others], pictures, strict=True)
        ]
        content = (
            _mistakes(selection, cards[: len(mistakes)])
            + _failures(selection)
            + _others(selection, cards[len(mistakes) :])
        )
        title = f"{self._job.tag}: {printable(self._job.source.given)}"
        page = document(title, _lines(selection, self._labels), content)
        write_whole(file, lambda opened: opened.write(page.encode()))


async def _pictures(shown: Sequence[Shown], job: Job, spec: ModelSpec) -> list[bytes | None]:
    """What the model saw of each, as JPEG; None if it cannot be read any more."""
    decoder = Decoder(spec.preprocessing, job.settings)
    try:
        with closing(Reader(job.source, job.settings.max_body_bytes)) as reader:
            found = []
            for each in shown:
                (pixels,) = await decoder.pixels(list(reader.contents([each.entry])))
                found.append(None if isinstance(pixels, ClassifierError) else jpeg_of(pixels))
            return found
    finally:
        await decoder.close()


def _card(shown: Shown, jpeg: bytes | None, spec: ModelSpec) -> Card:
    guesses: list[dict[str, Any]] = shown.row["predictions"]
    return Card(
        name=shown.row["path"],
        jpeg=jpeg,
        guesses=tuple((named(g["label"], g["class_id"]), g["confidence"]) for g in guesses),
        heading=" · ".join(_heading(shown, spec)),
    )


def _heading(shown: Shown, spec: ModelSpec) -> Iterable[str]:
    if shown.class_id is not None:
        yield named(spec.labels[shown.class_id], shown.class_id)
    if "decision" in shown.row:
        decided = shown.row["decision"]
        label = ", ".join(decided) if isinstance(decided, list) else decided
        yield f"decision: {label or 'none'}"


def _lines(selection: Selection, labels: EntryLabels) -> Iterable[str]:
    yield f"{selection.photographs:,} photographs, {selection.failed:,} not classified"
    if selection.labelled:
        right = selection.labelled - selection.wrong
        share = right / selection.labelled
        yield f"labels: {labels.source}"
        yield f"top-1: {share:.2%}, {right:,} of {selection.labelled:,} labelled photographs"


def _mistakes(selection: Selection, cards: Sequence[Card]) -> str:
    if not selection.labelled:
        return ""
    left = selection.wrong - len(cards)
    shown = f", the {len(cards)} most confident; {left:,} more are left out" if left else ""
    return section(f"Mistakes: {selection.wrong:,}{shown}", cards)


def _others(selection: Selection, cards: Sequence[Card]) -> str:
    mistakes = len(selection.mistakes)
    left = selection.photographs - selection.failed - mistakes - len(cards)
    heading = f"The first {len(cards):,}; {left:,} more are left out" if left else "All others"
    return section(heading, cards) if cards else ""


def _failures(selection: Selection) -> str:
    if not selection.failed:
        return ""
    left = selection.failed - len(selection.failures)
    shown = f", the first {len(selection.failures)}; {left:,} more are left out" if left else ""
    columns = ("path", "error_code", "error_message")
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(row[column])}</td>' for column in columns)}</tr>"
        for row in selection.failures
    )
    heading = escape(f"Not classified: {selection.failed:,}{shown}")
    return f'<h2>{heading}</h2><table class="failures">{rows}</table>'
