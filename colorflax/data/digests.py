"""What the photographs of a source hash to: found out once and remembered.

Each is read and decoded before it may enter a training set, so that a damaged one is
named at the start and never stops a run half-way. A few thousand at a time are
remembered, so a first look at millions may be interrupted.
"""

import concurrent.futures
import hashlib
import io
import logging
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from colorflax import files
from colorflax.data.photographs import Source
from colorflax.errors import UserError

_log = logging.getLogger(__name__)

_CHUNK = 4_096  # remembered together
_NAMED = 20  # of those left out


def of(source: Source, rows: range, state: str) -> UInt8[np.ndarray, "n 32"]:
    """SHA-256 of each photograph's file, 0 for one that cannot be decoded.

    Args:
        source: holds them.
        rows: their numbers there.
        state: names the source as it is now, for the cache.
    """
    chunks = range(rows.start // _CHUNK, -(-rows.stop // _CHUNK))
    wanted = []
    for chunk in chunks:
        start = chunk * _CHUNK
        part = range(max(start, rows.start), min(start + _CHUNK, rows.stop))
        path = files.cache("index") / f"{state}-{part.start}-{part.stop}.npy"
        found = _load(path, len(part))
        if found is None:
            _log.info("reading photographs %d to %d", part.start, part.stop)
            found = _inspect(source, part)
            _save(path, found)
        wanted.append(found)
    hashes = np.concatenate(wanted)
    bad = np.flatnonzero(~hashes.any(axis=1))
    for i in bad[:_NAMED]:
        _log.warning("left out: %s", _why(source, rows[i]))
    if len(bad) > _NAMED:
        _log.warning("left out: %d more", len(bad) - _NAMED)
    return hashes


def _inspect(source: Source, rows: range) -> UInt8[np.ndarray, "n 32"]:
    def look(row: int) -> bytes:
        try:
            photo = source.read(row)
            photo.open()
        except UserError:
            return bytes(32)
        picture = photo.picture
        content = picture if isinstance(picture, bytes) else picture.read_bytes()
        return hashlib.sha256(content).digest()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        packed = b"".join(pool.map(look, rows))
    return np.frombuffer(packed, np.uint8).reshape(-1, 32)


def _why(source: Source, row: int) -> str:
    try:
        source.read(row).open()
    except UserError as error:
        return str(error)
    return f"{source.read(row).name}: could not be read at first"


def _load(path: Path, n: int) -> UInt8[np.ndarray, "n 32"] | None:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # not there, or damaged: read again
    fits = found.shape == (n, 32) and found.dtype == np.uint8
    return found if fits else None


def _save(path: Path, hashes: UInt8[np.ndarray, "n 32"]) -> None:
    content = io.BytesIO()
    np.save(content, hashes)
    files.write(path, content.getvalue())
