import pytest

from benchmarks.profile import OTHER, PARTS, Thread, parts, table
from harness.servers import PROJECT

_LIBRARIES = {"PIL", "prometheus_client", "uvicorn"}

DECODE = "thread (7);process (inference/batching/batcher.py:1);load (PIL/ImageFile.py:425)"
BATCH = "thread (7);process (inference/batching/batcher.py:1)"
SEND = "thread (1);_serve (transport/front_door.py:9);respond (transport/responses.py:9)"
COUNT = (
    "thread (1);_measured (serving/transport/front_door.py:9);inc (prometheus_client/values.py:1)"
)


def exists(function: str, path: str) -> bool:
    """Whether a file or folder is there, and has the function if one is named."""
    found = [room / path for room in (PROJECT, PROJECT / "serving") if (room / path).exists()]
    return any(not function or f"def {function.strip()}(" in file.read_text() for file in found)


def test_a_threads_time_is_divided_as_its_samples() -> None:
    threads = [Thread(4.0, [DECODE] * 3 + [BATCH]), Thread(1.0, [SEND, COUNT, "thread (1)", SEND])]
    assert parts(threads, images=1000) == {
        "JPEG decoding (libjpeg)": 3.0,
        "batching": 1.0,
        "JSON and sending the response": 0.5,
        "metrics": 0.25,
        OTHER: 0.25,
    }


def test_parts_of_the_project_exist() -> None:
    named = [text.rpartition("(")[::2] for _, texts in PARTS for text in texts]
    own = [each for each in named if "/" in each[1] and each[1].split("/")[0] not in _LIBRARIES]
    assert len(own) >= 10
    assert [each for each in own if not exists(*each)] == []


def test_the_table_has_shares_and_the_limit() -> None:
    assert table({"a": 3.0, "b": 1.0}, limit_ms=3.2).splitlines()[2:] == [
        "| a | 3.000 | 75.0% |",
        "| b | 1.000 | 25.0% |",
        "| **together** | **4.000** | 1.25 × the limit |",
    ]


def test_a_thread_without_samples_keeps_its_time() -> None:
    assert parts([Thread(1.0, [""])], images=1000) == {OTHER: pytest.approx(1.0)}
