"""The gate of the page: who is let in, where to, and what may be brought along."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from colorflax.page.gate import Gate

HERE = (b"host", b"127.0.0.1:7860")
FILE, UPLOAD, JOIN = (f"/gradio_api/{x}" for x in ("file=", "upload", "queue/join"))
MEGABYTE = 1_000_000


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """What is uploaded lies here; beside it, what is not."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "photo.png").touch()
    (tmp_path / "out.txt").touch()
    (folder / "link").symlink_to(tmp_path / "out.txt")
    return folder


def test_who_and_where_to(inside: Path) -> None:
    gate = Gate(_echo, inside, MEGABYTE)
    outside = inside.parent / "out.txt"
    for path in ("/", "/config", "/assets/a.js", UPLOAD, JOIN,
                 f"{FILE}{inside}/x.png"):  # fmt: skip
        assert gate.opens(path, [HERE]), path
    for path in (f"{FILE}{outside}", f"{FILE}{inside}/../out.txt", f"{FILE}x",
                 f"{FILE}{inside}/link", f"{FILE}http://example.com", f"{FILE}a\0b",
                 f"/gradio_api/file/{inside}/x.png", "/gradio_api/proxy=http://a.b",
                 "/gradio_api/process_recording", "/docs", "/monitoring"):  # fmt: skip
        assert not gate.opens(path, [HERE]), path
    assert gate.opens("/", [HERE, (b"origin", b"http://localhost:7860")])
    for stranger in ((b"host", b"evil.example"), (b"origin", b"http://evil.example"),
                     (b"origin", b"null"),
                     (b"origin", b"http://localhost.evil.example")):  # fmt: skip
        assert not gate.opens("/", [HERE, stranger]), stranger
    for path, status, header in (("/docs", 403, b"content-type"),
                                 ("/", 200, b"content-security-policy")):  # fmt: skip
        begin, said, _ = _ask(gate, path)
        assert begin["status"] == status
        assert [name for name, _ in begin["headers"]] == [header]
        assert said.startswith(b"colorflax: refused." if status == 403 else b"")
        assert said.count(b"\n") == (status == 403)


def test_a_file_may_have_so_many_bytes(inside: Path) -> None:
    """One more is refused by name, but not before the browser has sent it all."""
    gate = Gate(_echo, inside, MEGABYTE)
    head = b'--b\r\nContent-Disposition: form-data; filename="\xc3\xa9\x07.tif"\r\n\r\n'
    form = head + bytes(MEGABYTE) + b"\r\n--b--\r\n"
    chunks = [form[i : i + 65_536] for i in range(0, len(form), 65_536)]
    begin, said, left = _ask(gate, UPLOAD, chunks)
    assert (begin["status"], said, left) == (200, form, 0)
    begin, said, left = _ask(gate, UPLOAD, [*chunks, bytes(1_000)])
    assert (begin["status"], left) == (413, 0)
    assert said.decode() == (
        "\u00e9\\x07.tif: larger than the 1 MB that this page takes; the command "
        "colorflax.colorize takes larger ones"
    )


def test_files_that_are_named_are_uploads(inside: Path) -> None:
    gate = Gate(_echo, inside, MEGABYTE)
    for name in (inside / "photo.png", inside / ".." / "in" / "photo.png"):
        form = _naming(name)
        assert _ask(gate, JOIN, [form[:9], form[9:]])[:2] == (_OK, form)
    for name in (inside.parent / "out.txt", inside / "link", inside / "none.png",
                 inside, "https://example.com/a.png", "a\0b", 7, None):  # fmt: skip
        begin, said, _ = _ask(gate, JOIN, [_naming(name)])
        assert begin["status"] == 403, name
        shown = "a\\x00b" if name == "a\0b" else str(name)
        assert said.decode().startswith(f"{shown}: not a file that was dropped on this")
        assert b"\n" not in said
    for words in ([b"{"], [b"[" * 100_000], [b'{"data": ["path"]}']):
        assert _ask(gate, JOIN, words)[:2] == (_OK, words[0])  # Gradio's to answer
    assert _ask(gate, JOIN, [b" " * (MEGABYTE + 1)])[0]["status"] == 403
    assert _ask(gate, JOIN, [b"{}"], length=False)[0]["status"] == 403
    assert _ask(gate, UPLOAD, [b"x"], length=False)[0]["status"] == 403


_OK = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (
            b"content-security-policy",
            b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
        )
    ],
}


def _naming(name: object) -> bytes:
    path = name if name is None or isinstance(name, int) else str(name)
    return json.dumps({"data": [[{"path": path, "meta": {}}]]}).encode()


def _ask(
    gate: Gate, path: str, chunks: Sequence[bytes] = (), length: bool = True
) -> tuple[Any, bytes, int]:
    """How the answer begins, what it says, and how many chunks nobody has heard."""
    coming = [
        {"type": "http.request", "body": chunk, "more_body": chunk is not chunks[-1]}
        for chunk in chunks
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    long = (b"content-length", str(sum(map(len, chunks))).encode())
    scope = {
        "type": "http", "path": path, "method": "POST" if chunks else "GET",
        "headers": [HERE, long] if length else [HERE],
    }  # fmt: skip
    asyncio.run(gate(scope, receive, send))
    return sent[0], b"".join(x.get("body", b"") for x in sent), len(coming)


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message["body"]})
