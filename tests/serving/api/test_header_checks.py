"""Requests that their header condemns are refused before a byte of their body is sent."""

import json
import socket

import pytest

from errors import UnsupportedMediaType
from harness.servers import Server
from harness.toys import RED, encoded
from serving.api.header_checks import check_codings
from tests.serving.answers import assert_red
from tests.serving.conftest import MAX_BODY_BYTES
from tests.serving.raw import connected, one_response

BATCH = "/classify_batch"

CONDEMNED: dict[str, tuple[str, str, int, str]] = {
    "text": ("/classify", "content-type: text/plain", 415, "'text/plain'"),
    "film": ("/classify", "content-type: video/mp4", 415, "'video/mp4'"),
    "image to the batch": (BATCH, "content-type: image/jpeg", 415, "'image/jpeg'"),
    "bytes to the batch": (BATCH, "content-type: application/octet-stream", 415, "octet"),
    "no type to the batch": (BATCH, "accept: */*", 415, "''"),
    "no boundary": ("/classify", "content-type: multipart/form-data", 400, "no boundary"),
    "no boundary, batch": (BATCH, "content-type: multipart/form-data", 400, "no boundary"),
    "long boundary": (
        "/classify",
        f"content-type: multipart/form-data; boundary={'x' * 257}",
        400,
        "longer than 256 bytes",
    ),
    "top_k of text": ("/classify?top_k=many", "accept: */*", 422, "'many'"),
    "top_k of zero": ("/classify?top_k=0", "accept: */*", 422, "at least 1, not '0'"),
    "top_k of zero, batch": (f"{BATCH}?top_k=0", "content-type: application/json", 422, "not '0'"),
    "many parameters": (f"/classify?{'a=1&' * 17}", "accept: */*", 400, "too many fields"),
    "deadline": ("/classify", "x-deadline-ms: soon", 422, "X-Deadline-Ms"),
    "long body": ("/classify", "content-length: 999999999", 413, f"limit of {MAX_BODY_BYTES} "),
    "gzip": ("/classify", "content-encoding: gzip", 415, "content-encoding 'gzip'"),
    "coding of the batch": (
        BATCH,
        "content-type: application/json\r\ncontent-encoding: br",
        415,
        "content-encoding 'br'",
    ),
    "coding of the transfer": (
        "/classify",
        "transfer-encoding: gzip, chunked",
        415,
        "transfer-encoding 'gzip'",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONDEMNED)
def test_it_is_refused_before_its_body_is_sent(toy_server: Server, name: str) -> None:
    path, header, status, text = CONDEMNED[name]
    has_length = header.startswith(("content-length", "transfer-encoding"))
    length = "" if has_length else "content-length: 1000\r\n"
    with connected(toy_server) as connection:
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
            f"{length}{header}\r\n\r\n".encode()
        )
        head, _, body = one_response(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert text in json.loads(body)["error"]["message"]
    assert (b"\r\naccept-encoding: identity" in head) == ("encoding" in header)


@pytest.mark.slow
def test_a_good_header_is_followed_by_its_body(toy_server: Server) -> None:
    image = encoded(RED)
    with connected(toy_server) as connection:
        connection.sendall(
            b"POST /classify HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
            b"content-encoding: Identity\r\ncontent-length: %d\r\n\r\n" % len(image)
        )
        expected = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.recv(len(expected), socket.MSG_WAITALL) == expected
        connection.sendall(image)
        assert_red(json.loads(one_response(connection).partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize(
    "value", [b"gzip", b"GZIP", b"deflate", b"br", b"identity, gzip", b"gzip, identity", b"chunked"]
)
def test_every_coding_but_identity_is_refused(value: bytes) -> None:
    headers = [(b"content-encoding", value), (b"content-encoding", b"identity")]
    with pytest.raises(UnsupportedMediaType, match="content-encoding '"):
        check_codings(headers)


@pytest.mark.parametrize("value", [b"", b"identity", b"Identity", b"identity, identity"])
def test_identity_is_no_coding(value: bytes) -> None:
    check_codings([(b"content-encoding", value), (b"transfer-encoding", b"Chunked")])
