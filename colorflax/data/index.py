"""Which files can be decoded, and what they hold: found out once and remembered.

Every file is decoded before it may enter a training set, so that a damaged one is
named at the start and never stops a run half-way. The answers are kept in the cache
folder and used again while a file's size and date stay the same.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from colorflax import files
from colorflax.data.decode import decode
from colorflax.errors import UserError

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file's content hash, or why it cannot be used."""

    path: Path
    sha256: str
    error: str | None


def read(paths: list[Path], where: str) -> list[Entry]:
    """One entry per path, in order; files that cannot be used are logged."""
    key = hashlib.sha256(str(Path(where).resolve()).encode()).hexdigest()[:16]
    remembered = files.cache("index") / f"{key}.json"
    known = _load(remembered)
    tokens = [_token(path) for path in paths]
    missing = [(p, t) for p, t in zip(paths, tokens, strict=True) if t not in known]
    if missing:
        _log.info("%s: reading %d new files", where, len(missing))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for (_, token), found in zip(
                missing, pool.map(_inspect, [p for p, _ in missing]), strict=True
            ):
                known[token] = found
        files.write(
            remembered, json.dumps({t: known[t] for t in sorted(set(tokens))}).encode()
        )
    entries = list(_entries(paths, tokens, known))
    bad = [entry for entry in entries if entry.error]
    for entry in bad[:20]:
        _log.warning("left out: %s", entry.error)
    if len(bad) > 20:
        _log.warning("left out: %d more files", len(bad) - 20)
    return entries


def _entries(
    paths: list[Path], tokens: list[str], known: dict[str, list[str]]
) -> Iterator[Entry]:
    for path, token in zip(paths, tokens, strict=True):
        sha256, error = known[token]
        yield Entry(path, sha256, error or None)


def _token(path: Path) -> str:
    stat = os.stat(path)
    return f"{os.path.abspath(path)}|{stat.st_size}|{stat.st_mtime_ns}"


def _inspect(path: Path) -> list[str]:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        decode(path)
    except OSError as error:
        return ["", f"{path}: {error.strerror or error}"]
    except UserError as error:
        return [digest, str(error)]
    return [digest, ""]


def _load(path: Path) -> dict[str, list[str]]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}  # no memory, or a damaged one: everything is read again
