"""The page, served as its users have it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import browsing
import pytest

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def page(checkpoint: Path, place: Path) -> Iterator[str]:
    """Its address; then Ctrl-C ends it, and nothing is left in that place.

    On its terminal there was nothing else, whatever was done on the page.
    """
    if missing := browsing.missing("gradio"):
        pytest.skip(f"{missing} is not installed: pip install -e '.[app]'")
    process = subprocess.Popen(
        [sys.executable, "-m", "colorflax.app", f"--checkpoint={checkpoint}",
         "--port=0", "--max_megapixels=1", "--max_megabytes=1"],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(place)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    url = process.stdout.readline().strip()
    yield url
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as uploading:
        form = "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99"
        uploading.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\n{form}\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert uploading.recv(99).startswith(b"HTTP/1.1 100")  # and nothing follows
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said == "colorflax: stopped\n"  # and no traceback of what was refused
    assert not list(place.glob("colorflax-page-*"))
