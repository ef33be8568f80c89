"""What the evaluation found, as one HTML page that needs nothing else."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from conversion.evaluation.report import Report, lines
from conversion.evaluation.run import Mistake

_STYLE = Path(__file__).with_name("page.css")


def page(report: Report, mistakes: Sequence[Mistake]) -> str:
    """The whole page.

    Args:
        report: what was found.
        mistakes: that are shown with their pictures, in this order.
    """
    title = escape(f"{report.models[0].tag}: {report.folder}")
    cards = "".join(_card(report, each) for each in mistakes)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<main><h1>{title}</h1><pre>{escape(chr(10).join(lines(report)))}</pre>"
        f"<h2>{escape(_heading(report, mistakes))}</h2>"
        f'<div class="mistakes">{cards}</div></main></body></html>\n'
    )


def _heading(report: Report, mistakes: Sequence[Mistake]) -> str:
    scores = report.models[0].scores
    if scores is None:
        return "No labels, so no mistakes are known"
    wrong = round((1 - scores.top_1) * scores.photographs)
    if not wrong:
        return "No mistakes"
    shown = "" if wrong == len(mistakes) else f", the {len(mistakes)} most confident of {wrong:,}"
    return f"Mistakes{shown}: what the model saw, and what it thought"


def _card(report: Report, mistake: Mistake) -> str:
    guesses = "".join(
        f'<span class="guess"><span>{escape(report.named(class_id))}</span>'
        f'<span>{confidence:.1%}</span><i style="width:{100 * confidence:.1f}%"></i></span>'
        for class_id, confidence in mistake.best
    )
    picture = base64.b64encode(mistake.jpeg).decode()
    return (
        f'<figure class="mistake"><img alt="{escape(mistake.name)}" loading="lazy" '
        f'src="data:image/jpeg;base64,{picture}"><figcaption>'
        f"<b>{escape(report.named(mistake.class_id))}, {mistake.own_confidence:.1%}</b>"
        f"<code>{escape(mistake.name)}</code>{guesses}</figcaption></figure>"
    )
