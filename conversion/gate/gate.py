"""The gate: a model of lower precision is saved only if it is as accurate as fp32 and faster."""

import asyncio
import math
from collections.abc import Collection, Sequence
from pathlib import Path

from conversion.errors import ConversionError
from conversion.evaluation.comparison import compare
from conversion.evaluation.run import Run, opened, run
from conversion.evaluation.scores import Prediction, Z, wilson_interval
from conversion.gate.arguments import option
from conversion.gate.photographs import Split
from conversion.gate.speed import measure
from conversion.progress import progress
from inference.hardware.processor import processor_name
from inference.sessions.session import open_session
from model_comparison import Comparison, Shortcoming
from settings import Settings

MOST_DROP = 0.01
"""Of top-1, where photographs have labels: shown with 95 % confidence to be less."""

LEAST_AGREEMENT = 0.95
"""Without labels: share of the photographs of which fp32 is sure that must keep their class, shown
with 95 % confidence."""

SURE = 0.5
"""Confidence from which on fp32 counts as sure: below it, fp32 itself wavers between classes."""

MOST_SHIFT = 0.03
"""Without labels: change of the mean confidence, up or down."""

LEAST_SPEED_UP = 1.15
"""How many times as fast as fp32, in all rounds but one."""

FEWEST_LABELLED = math.ceil(Z * Z * (1 - MOST_DROP) / MOST_DROP)
"""Labelled photographs: with fewer, the interval reaches beyond the limit even if the models never
differ."""

_USUALLY_ENOUGH = 1_000
"""Labelled photographs: with so many, a drop beyond the limit is unlikely to be chance."""

FEWEST_UNLABELLED = math.ceil(Z * Z * LEAST_AGREEMENT / (1 - LEAST_AGREEMENT))
"""Photographs without labels: with fewer, Wilson's interval reaches below the limit even if all
agree."""


def judge(folder: Path, fp32: Path, split: Split, settings: Settings, recipe: str) -> Comparison:
    """Compare a model with the fp32 model that it was made from, on the device of the settings.

    Raises:
        ConversionError: no photograph can be classified.
        StartupError: a model cannot be loaded on that device.
    """
    found = _classified(folder, fp32, split, settings)
    this, other = found.predictions
    pairs = compare(this, other)
    sure = [(a, b) for a, b in zip(this, other, strict=True) if b.confidence >= SURE]
    same = sum(a.best[0] == b.best[0] for a, b in sure)
    session = open_session(folder, settings.device, intra_op_threads=1)
    speed = measure(session, open_session(fp32, settings.device, intra_op_threads=1))
    return Comparison(
        photographs=pairs.photographs,
        source="; not classified: ".join(filter(None, (split.source, found.failed))),
        agreement=pairs.agreement,
        sure=len(sure),
        sure_agreement=same / len(sure) if sure else 0.0,
        sure_agreement_at_least=wilson_interval(same, len(sure))[0] if sure else 0.0,
        confidence_shift=_mean_confidence(this) - _mean_confidence(other),
        labelled=pairs.labelled,
        only_right=pairs.only_first,
        only_fp32_right=pairs.only_second,
        top_1=_top_1(this),
        top_1_fp32=_top_1(other),
        drop_at_most=-pairs.interval[0] if pairs.interval else None,
        milliseconds=speed.milliseconds,
        milliseconds_fp32=speed.milliseconds_other,
        speed_up=speed.ratio,
        speed_up_at_least=speed.ratio_at_least,
        device=session.device.value,
        processor=processor_name(),
        recipe=recipe,
        shortcomings=(),
    )


def _classified(folder: Path, fp32: Path, split: Split, settings: Settings) -> Run:
    """Both models' answers; on all processors, so that it does not take long."""
    models = [opened(each, settings) for each in (folder, fp32)]
    with progress("comparing with fp32", len(split.judging)) as advance:
        found = asyncio.run(run(split.judging, models, advance))
    if not found.predictions[0]:
        failed = f"; not classified: {found.failed}" if found.failed else ""
        raise ConversionError(f"no photograph is left to judge by{failed}")
    return found


def _mean_confidence(predictions: Sequence[Prediction]) -> float:
    return sum(each.confidence for each in predictions) / len(predictions)


def _top_1(predictions: Sequence[Prediction]) -> float | None:
    known = [each.is_right for each in predictions if each.class_id is not None]
    return sum(known) / len(known) if known else None


def passed(
    comparison: Comparison, allowed: Collection[Shortcoming], tried: Sequence[str] = ()
) -> Comparison:
    """The comparison with its shortcomings, if all of them are allowed.

    Raises:
        ConversionError: one is not. The first line has the figures and the limit, the others what
            was ``tried``.
    """
    found = {
        Shortcoming.LESS_ACCURATE: less_accurate(comparison),
        Shortcoming.SLOWER: slower(comparison),
    }
    reasons = {each: reason for each, reason in found.items() if reason}
    refused = reasons.keys() - set(allowed)
    if refused:
        told = "; ".join(f"{reasons[each]} ({option(each)} saves it)" for each in sorted(refused))
        raise ConversionError("\n".join((f"not saved: {told}", *tried)))
    return comparison.model_copy(update={"shortcomings": tuple(reasons)})


def less_accurate(comparison: Comparison) -> str | None:
    """Why a model was not shown to be as accurate as fp32; None if it was."""
    if comparison.labelled:
        return _drop(comparison)
    if comparison.sure < FEWEST_UNLABELLED:
        return (
            f"fp32 is sure of {comparison.sure} photographs that were not used to calibrate, too "
            f"few to judge by: it takes {FEWEST_UNLABELLED}, without labels"
        )
    if comparison.sure_agreement_at_least < LEAST_AGREEMENT:
        return (
            f"the same class as fp32 on {comparison.sure_agreement:.1%} of {comparison.sure:,} "
            "photographs of which fp32 is sure, with 95 % confidence on at least "
            f"{comparison.sure_agreement_at_least:.1%}, limit {LEAST_AGREEMENT:.0%}"
        )
    if abs(comparison.confidence_shift) > MOST_SHIFT:
        return (
            f"the mean confidence differs from fp32's by {comparison.confidence_shift:+.3f}, limit "
            f"{MOST_SHIFT}"
        )
    return None


def _drop(comparison: Comparison) -> str | None:
    count, most = comparison.labelled, comparison.drop_at_most
    assert most is not None
    if count >= FEWEST_LABELLED and most < MOST_DROP:
        return None
    drop = (comparison.only_fp32_right - comparison.only_right) / count
    told = (
        f"top-1 {'rises' if drop < 0 else 'falls'} by {100 * abs(drop):.2f} points on {count:,} "
        f"labelled photographs; with 95 % confidence it falls by less than {100 * most:.2f}, "
        f"limit {100 * MOST_DROP:.2f}"
    )
    return f"{told}; {_photographs_needed(comparison, drop)}"


def _photographs_needed(comparison: Comparison, drop: float) -> str:
    """By the normal approximation of the paired interval, for the shares that were found."""
    differing = (comparison.only_fp32_right + comparison.only_right) / comparison.labelled
    variance = differing - drop * drop
    if drop - Z * math.sqrt(variance / comparison.labelled) >= MOST_DROP:
        return "more photographs would not help"
    if drop >= MOST_DROP and comparison.labelled >= _USUALLY_ENOUGH:
        return "more photographs are unlikely to help"
    if drop >= MOST_DROP:
        return (
            f"they may be too few to tell: it takes at least {FEWEST_LABELLED} that were not used "
            "to calibrate, usually about a thousand"
        )
    needed = Z * Z * variance / (MOST_DROP - drop) ** 2
    needed = max(FEWEST_LABELLED, math.ceil(needed))
    return f"about {needed:,} labelled photographs that were not used to calibrate could show it"


def slower(comparison: Comparison) -> str | None:
    """Why a model was not shown to be faster than fp32; None if it was."""
    if comparison.speed_up_at_least >= LEAST_SPEED_UP:
        return None
    return (
        f"{comparison.speed_up:.2f} × as fast as fp32 on {comparison.device}, "
        f"{comparison.milliseconds:.2f} ms an image instead of "
        f"{comparison.milliseconds_fp32:.2f}, in all rounds but one at least "
        f"{comparison.speed_up_at_least:.2f} ×, limit {LEAST_SPEED_UP}"
    )


def lines(comparison: Comparison) -> list[str]:
    """The comparison to print."""
    found = [
        f"compared with fp32 on {comparison.photographs:,} photographs ({comparison.source})",
        f"  same class        {comparison.agreement:.2%}; {comparison.sure_agreement:.2%} of "
        f"{comparison.sure:,} of which fp32 is sure (with 95 % confidence at least "
        f"{comparison.sure_agreement_at_least:.1%})",
        f"  mean confidence   {comparison.confidence_shift:+.4f}",
    ]
    if comparison.labelled and comparison.drop_at_most is not None:
        found.append(
            f"  top-1             {comparison.top_1:.2%}, fp32 {comparison.top_1_fp32:.2%} of "
            f"{comparison.labelled:,} labelled; with 95 % confidence less than "
            f"{100 * comparison.drop_at_most:.2f} points below"
        )
    return [
        *found,
        f"  speed             {comparison.speed_up:.2f} × fp32 ({comparison.milliseconds:.2f} ms "
        f"an image, fp32 {comparison.milliseconds_fp32:.2f}; one thread, {comparison.device}, "
        f"{comparison.processor})",
        f"  recipe            {comparison.recipe}",
    ]
