"""HTTP over bare sockets, where it matters which bytes come when."""

import socket

from harness.servers import Server

REQUEST = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


def connected(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def one_response(connection: socket.socket) -> bytes:
    """A response with a content length; leaves the connection open."""
    received = b""
    while b"\r\n\r\n" not in received:
        byte = connection.recv(1)
        assert byte, f"closed after {received!r}"
        received += byte
    length = int(received.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return received + connection.recv(length, socket.MSG_WAITALL)
