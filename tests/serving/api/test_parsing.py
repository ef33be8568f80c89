"""Bodies that are cheap to send and dear to read."""

import contextlib
import gc
import json
import sys
import time

import pytest

from errors import ClassifierError, InvalidParameter, InvalidRequest
from harness.toys import encoded
from serving.api.parsing import parse_classify, parse_classify_batch
from serving.api.requests import Request

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


@pytest.mark.parametrize("top_k", ["0", "-3", "-" + "9" * 4000])
def test_a_top_k_below_1_is_refused_wherever_it_stands(top_k: str) -> None:
    body = f'{{"image": "AAAA", "top_k": {top_k}}}'.encode()
    for wanted in (
        request(body),
        request(b'{"image": "AAAA", "top_k": 1}', query=f"top_k={top_k}"),
    ):
        with pytest.raises(InvalidParameter, match="top_k must be at least 1, not '"):
            parse_classify(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "+/8AAQ==",
        "+/8AAQ",
        "+/8AAQ=",
        "-_8AAQ==",
        "-_8AAQ",
        "  +/8A\r\nAQ==\n",
        "data:image/png;base64,+/8AAQ==",
        "DATA:image/png;BASE64,+/8AAQ==",
        "\n data:;base64,-_8AAQ",
        "data:image/png;name=a.png;base64, +/8AAQ== ",
    ],
)
def test_base64_of_every_kind_is_read(text: str) -> None:
    image = b"\xfb\xff\x00\x01"
    assert parse_classify(request(json.dumps({"image": text}).encode()))[0] == image
    batch = parse_classify_batch(request(json.dumps({"images": [text]}).encode()), 1)
    assert batch.images == [image]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "AAAAA",
        "AA=A",
        "=",
        "http://127.0.0.1/a.png",
        "DATA:image/png,AAAA",
        "data:image/png;base64",
        "blob:AAAA",
        "ÄÄÄÄ",
    ],
)
def test_invalid_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="base64"):
        parse_classify(request(json.dumps({"image": text}).encode()))


TEXT_FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "body",
    [b"image=http%3A%2F%2Fx%2Fa.png", b"top_k=3&image=%2Ftmp%2Fa.png", b"images=" + b"a" * 9999],
)
def test_a_form_without_files_is_told_what_to_send(body: bytes) -> None:
    for parse in (parse_classify, lambda each: parse_classify_batch(each, 1)):
        with pytest.raises(InvalidRequest, match="send images as multipart/form-data"):
            parse(request(body, TEXT_FORM))


@pytest.mark.parametrize("body", [encoded(image_format=each) for each in ("PNG", "JPEG", "BMP")])
def test_an_image_that_calls_itself_a_form_without_files_is_an_image(body: bytes) -> None:
    assert parse_classify(request(body, TEXT_FORM))[0] == body


@pytest.mark.parametrize("count", [2, 3, 10])
def test_several_images_are_sent_elsewhere(count: int) -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
    body = part * count + b"--B--\r\n"
    with pytest.raises(InvalidRequest, match="send one image; /classify_batch takes several"):
        parse_classify(request(body, "multipart/form-data; boundary=B"))


def test_the_fields_found_instead_of_an_image_are_named_in_short() -> None:
    part = b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\nx\r\n'
    body = part % b"img" + part % (b"x" * 4000) + b"--B--\r\n"
    with pytest.raises(InvalidRequest) as caught:
        parse_classify(request(body, "multipart/form-data; boundary=B"))
    assert caught.value.message == (
        f"the form has no file field 'image' (fields found: 'img', '{'x' * 20}…')"
    )


def test_a_batch_of_as_many_images_as_allowed_passes() -> None:
    uri = "data:image/png;base64,AAAA"
    body = ('{"images":[' + ",".join([f'"{uri}"'] * 64) + '],"top_k":3}').encode()
    parsed = parse_classify_batch(request(body), max_images=64)
    assert (len(parsed.images), parsed.parameters.top_k) == (64, 3)


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


def form_with_top_k(*values: str) -> Request:
    image = '--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
    field = '--B\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n{}\r\n'
    body = image + "".join(map(field.format, values)) + "--B--\r\n"
    return request(body.encode(), "multipart/form-data; boundary=B")


def test_a_bad_top_k_in_the_query_is_refused_beside_a_good_one_in_the_form() -> None:
    wanted = form_with_top_k("2")._replace(query="top_k=many")
    with pytest.raises(InvalidParameter, match="top_k must be a whole number, not 'many'"):
        parse_classify(wanted)


@pytest.mark.parametrize("value", ["", "null"])
def test_a_form_field_that_was_left_empty_means_the_default(value: str) -> None:
    assert parse_classify(form_with_top_k(value))[1].top_k is None


def test_a_form_has_one_top_k() -> None:
    assert parse_classify(form_with_top_k("3"))[1].top_k == 3
    with pytest.raises(InvalidParameter, match="the form has 2 fields 'top_k', send one"):
        parse_classify(form_with_top_k("3", "3"))


def test_a_form_may_not_misspell_a_parameter() -> None:
    good = form_with_top_k("3")
    with pytest.raises(InvalidParameter, match="there is no parameter 'topk'; it is 'top_k'"):
        parse_classify(good._replace(body=good.body.replace(b"top_k", b"topk")))
    assert parse_classify(good._replace(body=good.body.replace(b"top_k", b"csrf")))[1].top_k is None
