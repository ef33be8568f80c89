"""Comparison: what a model of lower precision was measured to be beside fp32.

Conversion writes it into the model's spec; it stays there for good.
"""

from enum import StrEnum

from preprocessing_spec import Frozen


class Shortcoming(StrEnum):
    """What a model of lower precision was not shown to be, and is saved all the same."""

    LESS_ACCURATE = "less accurate"
    SLOWER = "slower"


class Comparison(Frozen):
    """A model of lower precision beside the fp32 model that it was made from.

    The photographs helped neither to make nor to choose it. Shares are 0…1.

    Attributes:
        photographs: that both models classified.
        source: where the photographs are from, in words.
        agreement: share with the same most probable class.
        sure: photographs that fp32 classifies with a confidence of one half or more.
        sure_agreement: of these, share with the same most probable class; 0 if there are none.
        sure_agreement_at_least: low end of its interval of 95 %.
        confidence_shift: mean confidence in the most probable class, less fp32's.
        labelled: photographs whose class is known.
        only_right: of these, those that only this model recognised.
        only_fp32_right: of these, those that only fp32 recognised.
        top_1: share of the labelled ones that it recognised; None without labels.
        top_1_fp32: the same of fp32.
        drop_at_most: high end of the interval of 95 % of ``top_1_fp32 - top_1``, paired.
        milliseconds: that one image takes on one thread, median of the rounds.
        milliseconds_fp32: the same of fp32.
        speed_up: how many times as fast as fp32, median of the rounds.
        speed_up_at_least: the second lowest of the rounds.
        device: that both ran on.
        processor: that both ran on.
        recipe: how it was made, in words.
        shortcomings: what it was not shown to be; none if it passed.
    """

    photographs: int
    source: str
    agreement: float
    sure: int
    sure_agreement: float
    sure_agreement_at_least: float
    confidence_shift: float
    labelled: int
    only_right: int
    only_fp32_right: int
    top_1: float | None
    top_1_fp32: float | None
    drop_at_most: float | None
    milliseconds: float
    milliseconds_fp32: float
    speed_up: float
    speed_up_at_least: float
    device: str
    processor: str
    recipe: str
    shortcomings: tuple[Shortcoming, ...]
