from resilience.traffic import Call


def test_a_call_is_a_whole_request() -> None:
    call = Call("image", "/classify", {"content": b"abc", "params": {"top_k": "0"}})
    head, _, body = call.request("http://127.0.0.1:3000").partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert line == b"POST /classify?top_k=0 HTTP/1.1"
    assert {b"Host: 127.0.0.1:3000", b"Content-Length: 3"} <= set(headers)
    assert body == b"abc"
