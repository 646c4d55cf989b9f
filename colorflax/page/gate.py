"""Who may ask the server of a page, for what, and with what: all else is refused."""

import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from colorflax.disk.files import shown

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_HOSTS = ("127.0.0.1", "localhost")
# What the page of Gradio asks for while it is used. The rest of Gradio's server fetches
# addresses for others, records screens, documents itself and so on.
_PLACES = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json)|/(assets|static|svelte)/.+"
    r"|/gradio_api/(upload|upload_progress|cancel|queue/join|queue/data)"
    r"|/gradio_api/app_id"  # whether a server that is back is the same
)
_FILE, _UPLOAD = "/gradio_api/file=", "/gradio_api/upload"
_FORM = 1_000  # bytes that an upload may have around its file
_WORDS = 1_000_000  # bytes that any other request may have
_REFUSAL = (
    "colorflax: refused. The page is at /, for the browser of this machine, and "
    "nothing is served but what was made on it.\n"
)
_SOURCES = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"


class Gate:
    """Before a server: this machine's browser gets the page and one folder's files.

    Pages of other sites, which a browser on this machine may have open as well, are
    refused; and the page is told to load nothing from elsewhere. An uploaded file has
    at most `most_bytes`, and a request that names a file names one of the folder:
    Gradio sees to these too, but in words of its own and with a traceback.
    """

    def __init__(self, app: App, folder: Path, most_bytes: int):
        self._app, self._folder, self._most = app, folder.resolve(), most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        try:
            if scope["type"] == "http":
                receive = await self._checked(scope, receive)
        except _Refused as refused:
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            status, said = refused.args
            begin = {"type": "http.response.start", "status": status, "headers": plain}
            await send(begin)
            await send({"type": "http.response.body", "body": said.encode()})
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _SOURCES.encode())
                message["headers"] = [*message["headers"], policy]
            await send(message)

        await self._app(scope, receive, stamped)

    def opens(self, path: str, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a request is answered, if what it brings is in order.

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

    async def _checked(self, scope: Message, receive: Receive) -> Receive:
        """What hands the server a request, once that is in order."""
        if not self.opens(scope["path"], scope["headers"]):
            raise _Refused(403, _REFUSAL)
        if scope["method"] != "POST":
            return receive
        length = int(dict(scope["headers"]).get(b"content-length", -1))
        upload = scope["path"] == _UPLOAD
        if length < 0 or (length > _WORDS and not upload):
            raise _Refused(403, _REFUSAL)
        if upload and length <= self._most + _FORM:
            return receive
        body = await _body(receive, keep=_WORDS)
        if upload:
            raise _Refused(
                413,
                f"{_uploaded(body)}: larger than the {self._most / 1e6:g} MB that this "
                "page takes; the command colorflax.colorize takes larger ones",
            )
        for path in _paths(body):
            if not self._own(path) or not os.path.isfile(path):  # never raises
                raise _Refused(
                    403,
                    f"{shown(path)}: not a file that was dropped on this page, or no "
                    "longer here; drop the photograph again",
                )
        whole = [{"type": "http.request", "body": body}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        return again

    def _own(self, name: str) -> bool:
        try:
            return Path(name).resolve().is_relative_to(self._folder)
        except (OSError, ValueError, RuntimeError):  # a name that no file can have
            return False


class _Refused(Exception):  # noqa: N818 - an answer
    """Status and text."""


async def _body(receive: Receive, keep: int) -> bytes:
    """Its beginning, all of it being heard: until then a browser does not listen."""
    kept = b""
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        kept += message.get("body", b"")[: keep - len(kept)]
    return kept


def _uploaded(form: bytes) -> str:
    """What the file in a form is called."""
    name = re.search(rb'filename="([^"\r\n]*)"', form)
    return shown(name[1].decode("utf-8", "replace")) if name else "the file"


def _paths(body: bytes) -> Iterator[str]:
    """All that is named as a path in JSON, however deep."""
    try:
        left = [json.loads(body)]
    except (ValueError, RecursionError):
        return  # Gradio says so
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "path" in value:
                yield str(value["path"])
            left += value.values()
        elif isinstance(value, list):
            left += value
