"""A web server on this machine that gives weights files, some of them only in part."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = b"weights" * 1000


class Loopback(ThreadingHTTPServer):
    """Gives CONTENT and keeps a list of the paths it was asked for.

    Under `/absent` there is nothing; `/half` and `/chunks` break off, the former with
    its length announced.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.startswith("/absent"):
            self.send_error(404)
            return
        self.send_response(200)
        if self.path.startswith("/chunks"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(f"{len(CONTENT):x}\r\n".encode() + CONTENT[:100])
            return
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 100 if self.path.startswith("/half") else None])

    def log_message(self, *_: object) -> None:
        pass
