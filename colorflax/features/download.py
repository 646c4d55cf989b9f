"""A file from a server: downloaded once, checked every time, never waited for long."""

import concurrent.futures
import hashlib
import socket
import threading
import urllib.request
from pathlib import Path

from colorflax.features.runtime import keras_on_jax

_TIMEOUT = 20.0  # seconds without an answer from the server


def fetch(url: str, path: Path, digest: str) -> Path:
    """The file at `path`, from `url` unless it is there and has this digest.

    Args:
        url: where it is downloaded from.
        path: where it is kept.
        digest: MD5 or SHA-256, in hex; "" takes a file for what it says it is.

    Raises:
        Exception: a bare one too, which is what Keras raises for a failed download.
    """
    if path.is_file():
        kind = "sha256" if len(digest) == 64 else "md5"
        with path.open("rb") as f:
            if digest in ("", hashlib.file_digest(f, kind).hexdigest()):
                return path
    _reach(url)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with keras_on_jax() as keras:
            # An absolute folder keeps Keras from moving to /tmp if it may not write.
            return Path(
                keras.utils.get_file(
                    path.name,
                    url,
                    cache_dir=str(path.parent.parent),
                    cache_subdir=str(path.parent),
                    file_hash=digest or None,
                )
            )
    finally:
        socket.setdefaulttimeout(before)


def _reach(url: str) -> None:
    """Raise unless the server answers in time.

    A socket's own time limit holds for each of a server's many addresses and not at
    all for looking up its name, so the question is asked from a thread.
    """
    answer: concurrent.futures.Future[int] = concurrent.futures.Future()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
                answer.set_result(response.status)
        except Exception as e:
            answer.set_exception(e)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer.result(_TIMEOUT)
    except TimeoutError as e:
        raise TimeoutError(f"no answer within {_TIMEOUT:.0f} seconds") from e
