"""Where the time of a request goes, by clocks that the tests set."""

import itertools
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from inference import Run
from serving.metrics import stages
from serving.metrics.stages import STAGES, Durations, ImageTimes, RequestTimes


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins at 100 s and is read a second later each time."""
    ticks = itertools.count(100.0)
    monkeypatch.setattr(stages, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))


def passed(image: ImageTimes, decode: float, transform: float, run: Run) -> None:
    """An image whose decoding began at 100.25 s."""
    image.decode_began = 100.25
    image.transform_began = image.decode_began + decode
    image.transform_ended = image.transform_began + transform
    image.run = run


def answered() -> RequestTimes:
    """A request with one image, answered after 0.75 s; read 0.125 s after its header."""
    times = RequestTimes()
    times.received = times.submitted = 100.125
    passed(times.new_image(), 0.125, 0.0625, Run(100.5, 100.625))
    times.answered = 100.75
    return times


def test_a_request_whose_images_go_to_the_runner_twice_was_submitted_the_first_time() -> None:
    times = RequestTimes()
    times.submit()
    first = times.submitted
    times.submit()
    assert times.submitted == first == 101.0


def test_the_stages_of_one_image_add_up_to_what_its_runner_took() -> None:
    assert answered().durations() == Durations(
        receive=0.125, decode=0.125, transform=0.0625, queue=0.3125, inference=0.125, total=1.0
    )


def test_the_header_has_milliseconds_and_the_first_answers_figures() -> None:
    times = answered()
    expected = (
        b"receive;dur=125.00, decode;dur=125.00, transform;dur=62.50, queue;dur=312.50, "
        b"inference;dur=125.00, total;dur=1000.00"
    )
    assert times.header() == expected
    assert times.header() == expected


def test_a_run_that_images_share_counts_once_and_their_decoding_adds_up() -> None:
    times = RequestTimes()
    times.received = times.submitted = 100.0
    first, second = Run(101.0, 101.5), Run(102.0, 102.25)
    for run in (first, first, second):
        passed(times.new_image(), 0.25, 0.125, run)
    times.answered = 102.5
    durations = times.durations()
    assert (durations.decode, durations.transform) == (0.75, 0.375)
    assert (durations.inference, durations.queue) == (0.75, 0.625)


def test_an_image_that_cannot_be_decoded_adds_nothing() -> None:
    times = RequestTimes()
    times.received = times.submitted = 100.0
    times.new_image().decode_began = 100.25
    times.answered = 100.5
    durations = times.durations()
    assert (durations.decode, durations.inference, durations.queue) == (0.0, 0.0, 0.5)


def test_pixels_that_need_no_decoding_have_an_inference() -> None:
    times = RequestTimes()
    times.received = times.submitted = 100.0
    times.new_image().run = Run(100.25, 100.375)
    times.answered = 100.5
    durations = times.durations()
    assert (durations.decode, durations.inference, durations.queue) == (0.0, 0.125, 0.375)


def test_images_decoded_side_by_side_leave_no_negative_wait() -> None:
    times = RequestTimes()
    times.received = times.submitted = 100.0
    for _ in range(2):
        passed(times.new_image(), 0.5, 0.0, Run(100.75, 100.875))
    times.answered = 101.0
    assert times.durations().queue == 0.0


def test_a_request_that_was_refused_has_the_stages_that_it_passed() -> None:
    refused = RequestTimes()
    refused.received = refused.began + 0.5
    assert refused.durations().known() == {"receive": 0.5, "total": 1.0}
    assert RequestTimes().durations().known() == {"total": 1.0}
    assert refused.header() == b"receive;dur=500.00, total;dur=1000.00"


def test_every_request_is_in_the_histograms_of_its_endpoint() -> None:
    for _ in range(2):
        stages.observe("/timed", answered())
    stages.write()

    def value(name: str, stage: str) -> float | None:
        labels = {"endpoint": "/timed", "stage": stage}
        return REGISTRY.get_sample_value(f"image_classifier_stage_seconds_{name}", labels)

    assert [value("count", stage) for stage in STAGES] == [2] * len(STAGES)
    assert value("sum", "decode") == 0.25
