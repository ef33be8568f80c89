"""The evaluation as lines to print and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from batch.contact_sheet.cards import named
from conversion.evaluation.calibration import Calibration, Threshold
from conversion.evaluation.comparison import Comparison
from conversion.evaluation.scores import BINS, Scores

_NAMED = 3
"""Files that are printed for each error code; JSON has all of them."""


@dataclass(frozen=True)
class Evaluated:
    """The figures of one model.

    Attributes:
        pretrained: as its spec says.
        images_per_second: decoded, resized and classified; reading the files is not counted.
        scores: None if no class is known.
        calibration: None if too few photographs have labels, or the model is multi-label.
    """

    tag: str
    device: str
    pretrained: bool
    images_per_second: float
    scores: Scores | None
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Report:
    """The result of an evaluation.

    Attributes:
        labels_from: where the labels come from, in words.
        notes: what was found in the folder and not used.
        failures: names of those that were not classified, by error code.
        models: the model, and the one that it was compared with, if any.
        comparison: None with one model.
    """

    folder: str
    labels_from: str
    notes: tuple[str, ...]
    photographs: int
    unlabelled: int
    failures: dict[str, list[str]]
    models: tuple[Evaluated, ...]
    comparison: Comparison | None
    labels: tuple[str, ...]

    def named(self, class_id: int) -> str:
        """A label with its class id: several classes may have the same label."""
        return named(self.labels[class_id], class_id)

    def to_json(self) -> dict[str, Any]:
        """All of it, with the labels of the classes that are named; shares are 0…1."""
        content = asdict(self)
        del content["labels"]
        for scores in filter(None, (model["scores"] for model in content["models"])):
            for each in (*scores["worst"], *scores["confusions"]):
                each["label"] = self.labels[each["class_id"]]
            for each in scores["confusions"]:
                each["predicted_label"] = self.labels[each["predicted"]]
        return content


def lines(report: Report) -> list[str]:
    """The report to print."""
    failed = sum(map(len, report.failures.values()))
    found = [
        f"{report.folder}: {report.photographs:,} photographs, {failed:,} not classified, "
        f"{report.unlabelled:,} without label",
        f"labels: {report.labels_from}",
        *report.notes,
        *(_failures(code, names) for code, names in sorted(report.failures.items())),
    ]
    for model in report.models:
        found += ["", *figures(model)]
    if report.models[0].scores:
        found += _weaknesses(report, report.models[0].scores)
    return [*found, *(["", *comparison(report)] if report.comparison else [])]


def figures(model: Evaluated) -> list[str]:
    """One model's figures."""
    found = [f"{model.tag} on {model.device}"]
    if not model.pretrained:
        found.append("its weights are random (pretrained: false): the answers mean nothing")
    scores = model.scores
    if scores:
        top_5 = "not told, as it has no more classes than five"
        low, high = scores.top_1_interval
        found += [
            f"top-1              {scores.top_1:.2%} of {scores.photographs:,} labelled photographs"
            f" (95 % interval {low:.1%} to {high:.1%})",
            f"top-5              {top_5 if scores.top_5 is None else f'{scores.top_5:.2%}'}",
            f"calibration error  {scores.calibration_error:.4f} "
            f"({BINS} equal bins; mean confidence {scores.mean_confidence:.4f})",
        ]
    if model.calibration:
        found += calibration(model.calibration)
    return [*found, f"images/s           {model.images_per_second:.1f}"]


def calibration(found: Calibration) -> list[str]:
    """The temperature, and the thresholds for a precision."""
    first, second = found.of_halves
    end = "; a value beyond may be better" if found.is_at_an_end else ""
    told = [
        f"temperature        {found.temperature:.3g} (fitted on halves: {first:.3g} and "
        f"{second:.3g}){end}",
        f"  calibration error {found.error_before:.4f} → {found.error_after:.4f}, mean confidence "
        f"→ {found.confidence_after:.4f}, each half with the temperature of the other",
    ]
    if found.precision is None:
        return told
    for what, each in (
        ("threshold", found.threshold),
        ("  with temperature", found.calibrated_threshold),
    ):
        told.append(f"{what:<18} {_threshold(found.precision, each)}")
    return told


def _threshold(precision: float, found: Threshold | None) -> str:
    if found is None:
        return f"none reaches a precision of {precision:.2%}"
    low, high = found.interval
    share = found.right / found.answered if found.answered else 0.0
    return (
        f"{found.value:.6g} for a precision of {precision:.2%}; held-out: {share:.2%} of "
        f"{found.answered:,} answers right (95 % interval {low:.1%} to {high:.1%}), "
        f"{found.answered / found.photographs:.1%} of photographs answered"
    )


def comparison(report: Report) -> list[str]:
    """The first model beside the second."""
    found = report.comparison
    assert found is not None
    first, second = (model.tag.rpartition(":")[2] for model in report.models)
    told = [
        f"{first} beside {second}: the same class on {found.agreement:.2%} "
        f"of {found.photographs:,} photographs"
    ]
    if found.difference is not None and found.interval is not None:
        low, high = (100 * each for each in found.interval)
        told += [
            f"top-1 differs by {100 * found.difference:+.2f} points (95 % interval {low:+.2f} to "
            f"{high:+.2f}, paired); only the first is right on {found.only_first:,}, only the "
            f"second on {found.only_second:,}; McNemar's exact p = {found.p_value:.3g}"
        ]
    return told


def _failures(code: str, names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return f"{code}: {len(names):,} ({', '.join(names[:_NAMED])}{more})"


def _weaknesses(report: Report, scores: Scores) -> list[str]:
    if not scores.worst:
        return []
    worst = [
        f"  {each.right:,} of {each.photographs:,}  {report.named(each.class_id)}"
        for each in scores.worst
    ]
    confusions = [
        f"  {each.photographs:,} ×  {report.named(each.class_id)} taken for "
        f"{report.named(each.predicted)}"
        for each in scores.confusions
    ]
    return ["", "worst classes", *worst, "", "most frequent confusions", *confusions]
