"""What the photographs of a source hash to: found out once and remembered.

Each is read and decoded before it may enter a training set, so that a damaged one is
named at the start and never stops a run half-way. A few thousand at a time are
remembered, so a first look at millions may be interrupted.
"""

import concurrent.futures
import functools
import hashlib
import logging
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from colorflax.data import index
from colorflax.data.photographs import Source
from colorflax.disk import files
from colorflax.errors import UserError

_log = logging.getLogger(__name__)

_CHUNK = 4_096  # remembered together


def of(
    source: Source, rows: range, state: str, where: str, max_bad_percent: float
) -> UInt8[np.ndarray, "n 32"]:
    """SHA-256 of each photograph's file, 0 for one that cannot be decoded.

    Args:
        source: holds them.
        rows: their numbers there.
        state: names the source as it is now, for the cache.
        where: names it for messages.
        max_bad_percent: how many may be undecodable.

    Raises:
        UserError: more than that are.
    """
    hashes = []
    bad: list[str] = []
    for chunk in range(rows.start // _CHUNK, -(-rows.stop // _CHUNK)):
        first = max(chunk * _CHUNK, rows.start)
        last = min((chunk + 1) * _CHUNK, rows.stop)
        path = files.cache("index") / f"{state}-{first}-{last}.npy"
        found = _load(path, last - first)
        # What was bad is looked at again: a full memory may have been the fault.
        missing = np.flatnonzero(~found.any(axis=1))
        if len(missing):
            _log.info("%s: reading %d photographs", where, len(missing))
            wanted = [first + int(i) for i in missing]
            with concurrent.futures.ThreadPoolExecutor() as pool:
                looks = list(pool.map(lambda row: _look(source, row), wanted))
            for i, (digest, error) in zip(missing, looks, strict=True):
                found[i] = np.frombuffer(digest, np.uint8)
                bad += [error] if error else []
            files.remember(path, functools.partial(np.save, arr=found), where)
        hashes.append(found)
    index.judge(bad, len(rows), where, max_bad_percent)
    return np.concatenate(hashes)


def _look(source: Source, row: int) -> tuple[bytes, str]:
    """The hash of one photograph, or zeros and why it cannot be decoded."""
    try:
        photo = source.read(row)
        photo.open(at_least=1)  # as in `index`
    except UserError as error:
        return bytes(32), str(error)
    picture = photo.picture
    content = picture if isinstance(picture, bytes) else picture.read_bytes()
    return hashlib.sha256(content).digest(), ""


def _load(path: Path, n: int) -> UInt8[np.ndarray, "n 32"]:
    """What is remembered; zeros where nothing is, or it is damaged."""
    try:
        found = np.load(path, allow_pickle=False)
        if found.shape == (n, 32) and found.dtype == np.uint8:
            return np.asarray(found)
    except (OSError, ValueError, EOFError):
        pass
    return np.zeros((n, 32), np.uint8)
