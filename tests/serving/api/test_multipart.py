import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidRequest
from harness.toys import encoded
from serving.api.multipart import parse_multipart

TYPE = "multipart/form-data; boundary=frontier"


def form(*parts: tuple[str, bytes], end: bytes = b"--frontier--\r\n") -> bytes:
    body = b"".join(
        b"--frontier\r\nContent-Disposition: form-data; "
        + head.encode()
        + b"\r\n\r\n"
        + content
        + b"\r\n"
        for head, content in parts
    )
    return body + end


def parse(body: bytes, max_parts: int = 4) -> list[tuple[str, bool, bytes]]:
    parts = parse_multipart(TYPE, body, max_parts=max_parts)
    return [(part.name, part.is_file, bytes(part.content)) for part in parts]


def test_files_and_fields_in_the_order_sent() -> None:
    body = form(('name="image"; filename="a.png"', b"\x89PNG\r\n--fron"), ('name="top_k"', b"3"))
    assert parse(body) == [("image", True, b"\x89PNG\r\n--fron"), ("top_k", False, b"3")]


def test_an_empty_file_is_a_file() -> None:
    assert parse(form(('name="image"; filename=""', b""))) == [("image", True, b"")]


@pytest.mark.parametrize(
    ("content_type", "is_file"),
    [("image/png", True), ("Application/Octet-Stream", True), ("text/plain", False)],
)
def test_a_part_of_an_images_type_is_a_file_without_a_name(
    content_type: str, is_file: bool
) -> None:
    head = f'name="image"\r\nContent-Type: {content_type}'
    assert parse(form((head, b"x"))) == [("image", is_file, b"x")]


@pytest.mark.parametrize(
    "name",
    [
        "; filename*=UTF-8''%C3%A4.png",
        ";filename*=utf-8''a",
        "; FileName*0=a; filename*1=b",
        "; filename*0*=UTF-8''a",
    ],
)
def test_a_part_with_an_extended_file_name_is_a_file(name: str) -> None:
    assert parse(form((f'name="image"{name}', b"x"))) == [("image", True, b"x")]


IMAGES = {
    image_format: encoded(image_format=image_format)
    for image_format in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
}


@pytest.mark.parametrize("image_format", IMAGES)
@pytest.mark.parametrize("head", ["", "\r\nContent-Type: text/plain"], ids=["no type", "text"])
def test_an_image_without_file_name_is_a_file(image_format: str, head: str) -> None:
    content = IMAGES[image_format]
    assert parse(form((f'name="image"{head}', content))) == [("image", True, content)]


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1/a.png",
        "/etc/passwd",
        "C:\\Bilder\\Hündin.png",
        "猫" * 1000,
        "x" + "猫" * 1000,
        "",
    ],
)
def test_text_without_file_name_is_text(text: str) -> None:
    assert parse(form(('name="image"', text.encode()))) == [("image", False, text.encode())]


def test_files_are_not_copied() -> None:
    body = form(('name="image"; filename="a"', b"content"))
    (part,) = parse_multipart(TYPE, body, max_parts=1)
    assert part.content.obj is body


def test_just_as_many_parts_as_allowed_and_no_more() -> None:
    parts = [('name="a"', b"1")] * 4
    assert len(parse(form(*parts))) == 4
    with pytest.raises(InvalidRequest, match="more than 3 parts"):
        parse(form(*parts), max_parts=3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form(('name="a"', b"1"), end=b""), "cut off"),
        (b"", "cut off"),
        (b"nonsense", "malformed"),
        (form(("filename=x", b"1")), "no name"),
        (b"--frontier\r\n" + b"x: " + b"y" * 100_000, "malformed"),
    ],
)
def test_the_error_names_the_fault_of_a_form(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse(body)


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 1000}"]
)
def test_a_boundary_must_be_there_and_of_a_sane_length(content_type: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_multipart(content_type, b"x", max_parts=1)


@given(st.binary(max_size=300))
def test_any_bytes_are_parts_or_an_invalid_request(garbage: bytes) -> None:
    for body in (garbage, form(('name="a"', garbage)), form(("name=", garbage))[: len(garbage)]):
        try:
            parse(body, max_parts=2)
        except InvalidRequest:
            continue


@given(st.binary(max_size=300).filter(lambda content: b"--frontier" not in content))
def test_any_content_comes_through_unchanged(content: bytes) -> None:
    assert parse(form(('name="a"; filename="b"', content))) == [("a", True, content)]
