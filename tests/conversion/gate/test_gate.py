from pathlib import Path

import pytest

from conversion.gate.gate import (
    FEWEST_LABELLED,
    FEWEST_UNLABELLED,
    judge,
    less_accurate,
    lines,
    passed,
    slower,
)
from conversion.gate.photographs import split
from conversion.quantization.variant import write
from model_comparison import Comparison, Shortcoming
from model_spec import ONNX_FILE, Precision
from settings import Device, Settings
from tests.conversion.brightness import DARK_AND_BRIGHT, change_weights
from tests.support.refusals import refusal

ON_CPU = Settings(device=Device.CPU)

GOOD = Comparison(
    photographs=1000,
    source="holiday",
    agreement=0.98,
    sure=900,
    sure_agreement=0.99,
    sure_agreement_at_least=0.98,
    confidence_shift=-0.01,
    labelled=0,
    only_right=0,
    only_fp32_right=0,
    top_1=None,
    top_1_fp32=None,
    drop_at_most=None,
    milliseconds=2.0,
    milliseconds_fp32=4.0,
    speed_up=2.0,
    speed_up_at_least=1.9,
    device="cpu",
    processor="toy",
    recipe="min-max",
    shortcomings=(),
)


def but(**fields: object) -> Comparison:
    return Comparison.model_validate({**GOOD.model_dump(), **fields})


def labelled(count: int, only_right: int, only_fp32_right: int, at_most: float) -> Comparison:
    return but(
        labelled=count,
        only_right=only_right,
        only_fp32_right=only_fp32_right,
        top_1=0.8,
        top_1_fp32=0.8,
        drop_at_most=at_most,
    )


def test_the_fewest_photographs_are_those_that_can_show_it() -> None:
    # If the models never differ, Tango's interval ends at 1.96² / (n + 1.96²) = 0.01.
    assert FEWEST_LABELLED == 381
    # Wilson: n / (n + 1.96²) = 0.95.
    assert FEWEST_UNLABELLED == 73


def test_what_is_as_good_and_faster_passes() -> None:
    assert passed(GOOD, ()) == GOOD
    assert passed(labelled(1000, 5, 6, 0.0075), ()).shortcomings == ()


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        (but(sure=72), "fp32 is sure of 72 photographs that were not used to calibrate, too few"),
        (but(sure_agreement_at_least=0.949), "with 95 % confidence on at least 94.9%, limit 95%"),
        (but(confidence_shift=0.031), "the mean confidence differs from fp32's by +0.031"),
        (but(confidence_shift=-0.031), "the mean confidence differs from fp32's by -0.031"),
        (
            labelled(380, 0, 0, 0.009),
            "top-1 falls by 0.00 points on 380 labelled photographs; with 95 % confidence it falls "
            "by less than 0.90, limit 1.00; about 381 labelled photographs",
        ),
        # 1.96² × 0.02 / 0.01² = 768.3
        (labelled(400, 4, 4, 0.014), "about 769 labelled photographs"),
        (labelled(400, 0, 8, 0.035), "falls by 2.00 points"),
        (labelled(150, 2, 1, 0.018), "top-1 rises by 0.67 points on 150 labelled photographs"),
        (labelled(400, 0, 8, 0.035), "too few to tell: it takes at least 381"),
        (labelled(1272, 17, 32, 0.0228), "limit 1.00; more photographs are unlikely to help"),
        # 0.04 - 1.96 × √(0.04 × 0.96 / 400) = 0.0208
        (labelled(400, 0, 16, 0.06), "more photographs would not help"),
    ],
)
def test_what_is_not_shown_to_be_as_accurate_is_refused(
    comparison: Comparison, reason: str
) -> None:
    message = refusal(passed, comparison, (Shortcoming.SLOWER,))
    assert message.startswith("not saved: ")
    assert reason in message
    assert message.endswith("(--allow-less-accurate saves it)")
    assert passed(comparison, (Shortcoming.LESS_ACCURATE,)).shortcomings == (
        Shortcoming.LESS_ACCURATE,
    )


def test_what_is_not_faster_is_refused() -> None:
    comparison = but(milliseconds=4.0, speed_up=1.0, speed_up_at_least=0.9)
    assert refusal(passed, comparison, (Shortcoming.LESS_ACCURATE,)) == (
        "not saved: 1.00 × as fast as fp32 on cpu, 4.00 ms an image instead of 4.00, in all "
        "rounds but one at least 0.90 ×, limit 1.15 (--allow-slower saves it)"
    )
    assert passed(comparison, tuple(Shortcoming)).shortcomings == (Shortcoming.SLOWER,)


def test_the_lines_have_the_figures() -> None:
    assert lines(labelled(1000, 5, 6, 0.0075))[:4] == [
        "compared with fp32 on 1,000 photographs (holiday)",
        "  same class        98.00%; 99.00% of 900 of which fp32 is sure (with 95 % confidence at "
        "least 98.0%)",
        "  mean confidence   -0.0100",
        "  top-1             80.00%, fp32 80.00% of 1,000 labelled; with 95 % confidence less than "
        "0.75 points below",
    ]


def judged(folder: Path, fp32: Path, greys: Path) -> Comparison:
    write(folder, fp32, Precision.INT8, Device.CPU)
    return judge(folder, fp32, split(greys, DARK_AND_BRIGHT), ON_CPU, "by hand")


@pytest.mark.slow
def test_a_quantized_network_is_as_accurate(int8: Path, fp32: Path, greys: Path) -> None:
    comparison = judged(int8, fp32, greys)
    assert (comparison.photographs, comparison.labelled) == (96, 0)
    assert comparison.sure_agreement >= 0.98
    assert less_accurate(comparison) is None


@pytest.mark.slow
@pytest.mark.parametrize("factor", [2.0, 0.0], ids=["scales doubled", "a layer of zeros"])
def test_a_ruined_network_is_refused(factor: float, int8: Path, fp32: Path, greys: Path) -> None:
    change_weights(int8, factor)
    comparison = judged(int8, fp32, greys)
    reason = less_accurate(comparison)
    assert reason is not None
    assert "limit 95%" in reason
    assert comparison.sure_agreement < 0.8


@pytest.mark.slow
def test_a_model_as_fast_as_fp32_is_refused(fp32: Path, greys: Path, tmp_path: Path) -> None:
    (tmp_path / ONNX_FILE).write_bytes((fp32 / ONNX_FILE).read_bytes())
    comparison = judged(tmp_path, fp32, greys)
    assert less_accurate(comparison) is None
    assert "limit 1.15" in (slower(comparison) or "")
    assert (comparison.device, comparison.recipe) == ("cpu", "by hand")
