"""A server on this machine that counts what it is asked for."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

# Answers a request for a name that is asked for the n-th time.
Answer = Callable[[BaseHTTPRequestHandler, str, int], None]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the names that it was asked for so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").split("?")[0]
            asked.append(name)
            answer(self, name, asked.count(name))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def send(
    request: BaseHTTPRequestHandler,
    body: bytes | Iterator[bytes],
    code: int = 200,
    head: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """All of an answer; its length is told where it is known and `head` has none."""
    whole = isinstance(body, bytes)
    length = {"Content-Length": str(len(body))} if whole else {}
    with contextlib.suppress(OSError):  # the client had enough
        request.send_response(code)
        for key, value in (length | dict(head)).items():
            request.send_header(key, value)
        request.end_headers()
        for part in [body] if whole else body:
            request.wfile.write(part)
