"""Bodies that are cheap to send and dear to read."""

import contextlib
import gc
import sys
import time

import pytest

from errors import ClassifierError, InvalidParameter, InvalidRequest
from serving.messages import Request
from serving.parsing import parse_classify, parse_classify_batch

CPU_SECONDS = 0.3


def request(body: bytes, content_type: str = "application/json", query: str = "") -> Request:
    return Request(content_type, query, body, 0.0)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"image":"","top_k":[' + b"[]," * 5_000_000 + b"[]]}", "application/json"),
        (b"[" + b"{}," * 5_000_000 + b"{}]", "application/json"),
        (b"[" * 15_000_000, "application/json"),
        (b'{"image":"' + b"AA " * 5_000_000 + b'A"}', "application/json"),
        (b"--B\r\n\r\n" + b"\r\n--Bx" * 3_000_000, "multipart/form-data; boundary=B"),
    ],
    ids=["nested lists", "objects", "depth", "white space", "boundaries"],
)
def test_a_body_of_many_nothings_is_refused_at_once(body: bytes, content_type: str) -> None:
    started = time.process_time()
    with pytest.raises(ClassifierError):
        parse_classify(request(body, content_type))
    assert time.process_time() - started < CPU_SECONDS


@pytest.mark.parametrize("text", ["5_0", "%2B5", "%D9%A3", "1" * 5000, "", "--1", "1.0"])
def test_top_k_is_digits_and_nothing_else(text: str) -> None:
    with pytest.raises(InvalidParameter, match="top_k must be a whole number"):
        parse_classify(request(b"x", "image/png", f"top_k={text}"))


@pytest.mark.parametrize(
    ("top_k", "shown"), [("[1]", "a list"), ("{}", "a JSON object"), ('"5"', "'5'")]
)
def test_a_top_k_of_another_kind_is_named(top_k: str, shown: str) -> None:
    body = f'{{"image": "AAAA", "top_k": {top_k}}}'.encode()
    with pytest.raises(InvalidParameter, match=f"not {shown}$"):
        parse_classify(request(body))


@pytest.mark.parametrize("count", [2, 3, 10])
def test_several_images_are_sent_elsewhere(count: int) -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
    body = part * count + b"--B--\r\n"
    with pytest.raises(InvalidRequest, match="send one image; /classify_batch takes several"):
        parse_classify(request(body, "multipart/form-data; boundary=B"))


def test_a_batch_of_as_many_images_as_allowed_passes() -> None:
    uri = "data:image/png;base64,AAAA"
    body = ('{"images":[' + ",".join([f'"{uri}"'] * 64) + '],"top_k":3}').encode()
    parsed = parse_classify_batch(request(body), max_images=64)
    assert (len(parsed.images), parsed.top_k) == (64, 3)


@pytest.mark.parametrize(
    "body", [b'{"image":"no base64"}', b'{"image":1}', b'{"image":""}'], ids=["text", "1", "empty"]
)
def test_a_refused_body_is_let_go_without_a_garbage_collection(body: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        before = sys.getrefcount(body)
        with contextlib.suppress(InvalidRequest):
            parse_classify(request(body))
        assert sys.getrefcount(body) == before
    finally:
        gc.enable()


def test_a_form_field_that_was_left_empty_means_the_default() -> None:
    image = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
    top_k = b'--B\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n\r\n--B--\r\n'
    assert parse_classify(request(image + top_k, "multipart/form-data; boundary=B"))[1] is None
