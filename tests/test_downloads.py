"""Downloads: whole or not at all, with a reason, from servers that misbehave."""

import itertools
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import jobs
import pytest
import web

from colorflax.data.records import Records
from colorflax.preparation import download

QUICK = download.Limits(timeout=0.5, retries=1, backoff=0.01, max_megabytes=0.05)


def _answer(request: BaseHTTPRequestHandler, name: str, times: int) -> None:
    """A photograph, or what the name says."""
    body, code, head = jobs.jpeg(int(name) if name.isdigit() else 0), 200, {}
    if name in ("404", "500"):
        code = int(name)
    elif name == "flaky" and times == 1:
        code = 503
    elif name.startswith("to-"):
        target = {"to-file": "file:///etc/passwd", "to-ftp": "ftp://127.0.0.1/x"}
        code, head = 302, {"Location": target.get(name, "/" + name[3:])}
    elif name == "large":
        body = b"x" * 60_000
    elif name == "page":
        body = b"<html>gone"
    elif name == "cut":
        head = {"Content-Length": str(len(body) + 100)}
    elif name == "endless":
        body = itertools.repeat(body, 100)
    elif name == "drip":
        body = _drip(body)
    elif name == "slow":
        time.sleep(1.5)
    web.send(request, body, code, head)


def _drip(body: bytes) -> Iterator[bytes]:
    yield body
    for _ in range(30):
        yield b"x"
        time.sleep(0.1)


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    with web.serving(_answer) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "problem", "tries"),
    [
        ("1", None, 1),
        ("flaky", None, 2),
        ("to-1", None, 1),
        ("404", "the server says 404 Not Found", 1),
        ("500", "the server says 500 .*, tried 2 times", 2),
        ("slow", "timed out.*, tried 2 times", 2),
        ("cut", "the connection broke .* bytes came.*, tried 2 times", 2),
        ("large", "longer than --max_megabytes=0.05", 1),
        ("endless", "longer than --max_megabytes=0.05", 1),
        ("to-file", "redirects to file:///etc/passwd, which is not http", 1),
        ("to-ftp", "redirects to ftp://127.0.0.1/x, which is not http", 1),
    ],
)
def test_fetch(
    server: tuple[str, list[str]],
    tmp_path: Path,
    name: str,
    problem: str | None,
    tries: int,
) -> None:
    url, asked = server
    target = tmp_path / "target"
    found = download.fetch(f"{url}/{name}", target, QUICK)
    assert asked.count(name) == tries
    if problem is None:
        assert found is None
        assert target.read_bytes().endswith(b"\xff\xd9")
        asked.clear()
        assert download.fetch(f"{url}/{name}", target, QUICK) is None
        assert asked == []  # what is there is not fetched again
    else:
        assert found is not None
        assert re.search(problem, found), found
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "not an http or https address"),
        ("photo.jpg", "not an http or https address"),
        ("http://", "no"),
        ("http://127.0.0.1:1/ä b.jpg", "no answer"),
        ("http://[::1/x", "not an address|no answer"),
    ],
)
def test_fetch_of_what_is_no_address(tmp_path: Path, url: str, problem: str) -> None:
    found = download.fetch(url, tmp_path / "a", QUICK)
    assert found is not None
    assert re.search(problem, found), found


def test_a_server_that_drips_is_given_up(
    server: tuple[str, list[str]], tmp_path: Path
) -> None:
    limits = download.Limits(timeout=5.0, patience=0.4, retries=0)
    start = time.monotonic()
    found = download.fetch(f"{server[0]}/drip", tmp_path / "a", limits)
    assert time.monotonic() - start < 2
    assert found is not None
    assert "not whole after 0.4 s" in found


@pytest.mark.parametrize("name", ["drip", "500"])
def test_what_is_over_is_not_waited_for(
    server: tuple[str, list[str]], tmp_path: Path, name: str
) -> None:
    """Neither the rest of an answer nor the time until the next try."""
    limits = download.Limits(timeout=5.0, retries=3, backoff=30.0)
    over = threading.Event()
    threading.Timer(0.3, over.set).start()
    start = time.monotonic()
    found = download.fetch(f"{server[0]}/{name}", tmp_path / "a", limits, over)
    assert time.monotonic() - start < 5
    assert found == "stopped"
    assert list(tmp_path.iterdir()) == []


def test_list_of_addresses(tmp_path: Path) -> None:
    text = "\ufeff# photographs\n\nhttp://a/1 # one\r\n http://a/2#top \nhttp://a/1\n"
    (tmp_path / "list").write_bytes(text.encode())
    assert download.read_list(tmp_path / "list") == ["http://a/1", "http://a/2#top"]


def test_downloads_end_to_end(server: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = server
    names = ["1", "404", "2", "page", "to-file", "3"]
    addresses = tmp_path / "list.txt"
    addresses.write_text("\n".join(f"{url}/{name}" for name in names))
    code, output, errors = jobs.finish(addresses, "--retries=0", out=tmp_path / "out")
    assert code == 1
    assert sorted(line.split(": ")[0] for line in errors) == sorted(
        f"{url}/{name}" for name in ("404", "page", "to-file")
    )
    assert "2  33.33 %  could not be downloaded" in output
    assert len(Records(tmp_path / "out")) == 3
    # Finished is finished, also without the downloads and the server.
    before = jobs.contents(tmp_path / "out")
    for path in (tmp_path / "out" / "downloads").iterdir():
        path.unlink()
    asked.clear()
    code, output, _ = jobs.finish(addresses, "--retries=0", out=tmp_path / "out")
    assert (code, asked) == (1, [])
    assert "complete with 3 records" in output
    assert jobs.contents(tmp_path / "out") == before
