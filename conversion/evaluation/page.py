"""The evaluation as one HTML page, which needs no other file."""

from collections.abc import Sequence

from batch.contact_sheet.cards import Card, document, section
from conversion.evaluation.report import Report, lines
from conversion.evaluation.run import Mistake


def page(report: Report, mistakes: Sequence[Mistake]) -> str:
    """The whole page, with pictures of these mistakes in their order."""
    title = f"{report.models[0].tag}: {report.folder}"
    cards = (_card(report, each) for each in mistakes)
    return document(title, lines(report), section(_heading(report, mistakes), cards))


def _heading(report: Report, mistakes: Sequence[Mistake]) -> str:
    scores = report.models[0].scores
    if scores is None:
        return "No labels, so no mistakes are known"
    wrong = round((1 - scores.top_1) * scores.photographs)
    if not wrong:
        return "No mistakes"
    shown = "" if wrong == len(mistakes) else f", the {len(mistakes)} most confident of {wrong:,}"
    return f"Mistakes{shown}: what the model saw, and what it thought"


def _card(report: Report, mistake: Mistake) -> Card:
    return Card(
        name=mistake.name,
        jpeg=mistake.jpeg,
        guesses=tuple((report.named(each), confidence) for each, confidence in mistake.best),
        heading=f"{report.named(mistake.class_id)}, {mistake.own_confidence:.1%}",
    )
