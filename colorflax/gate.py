"""Who may ask the server of a page, and for what: all else is refused."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_HOSTS = ("127.0.0.1", "localhost")
# What the page of Gradio asks for while it is used. The rest of Gradio's server fetches
# addresses for others, records screens, documents itself and so on.
_PLACES = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json)|/(assets|static|svelte)/.+"
    r"|/gradio_api/(upload|upload_progress|cancel|queue/join|queue/data|heartbeat/\w+)"
)
_FILE = "/gradio_api/file="
_REFUSAL = (
    b"colorflax: refused. The page is at /, for the browser of this machine, and "
    b"nothing is served but what was made on it.\n"
)
_SOURCES = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


class Gate:
    """Before a server: this machine's browser gets the page and one folder's files.

    Pages of other sites, which a browser on this machine may have open as well, are
    refused; and the page is told to load nothing from elsewhere.
    """

    def __init__(self, app: App, folder: Path):
        self._app, self._folder = app, folder.resolve()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and not self.opens(scope["path"], scope["headers"]):
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            await send({"type": "http.response.body", "body": _REFUSAL})
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _SOURCES.encode())
                message["headers"] = [*message["headers"], policy]
            await send(message)

        await self._app(scope, receive, stamped)

    def opens(self, path: str, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a request is answered.

        Args:
            path: as asked for, percents decoded.
            headers: names in lower case, and values.
        """
        for name, value in headers:
            host = value.decode("latin-1")
            if name == b"origin":
                host = host.partition("://")[2]
            if name in (b"host", b"origin") and host.split(":")[0] not in _HOSTS:
                return False
        if path.startswith(_FILE):
            return self._own(path.removeprefix(_FILE))
        return _PLACES.fullmatch(path) is not None

    def _own(self, name: str) -> bool:
        try:
            return Path(name).resolve().is_relative_to(self._folder)
        except (OSError, ValueError, RuntimeError):  # a name that no file can have
            return False
