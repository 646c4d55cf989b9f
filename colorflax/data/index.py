"""Which files can be decoded, and what they hold: found out once and remembered.

Every file is decoded before it may enter a training set, so that a damaged one is
named at the start and never stops a run half-way. What was good is remembered in the
cache folder while a file's size and date stay the same.
"""

import concurrent.futures
import dataclasses
import hashlib
import json
import logging
import os
from pathlib import Path

from colorflax.data.decode import decode
from colorflax.disk import files
from colorflax.errors import UserError

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file's content hash and stamp, or why it cannot be used."""

    path: Path
    sha256: str
    stamp: str  # size and date, while which the content is taken to be the same
    error: str | None


def read(paths: list[Path], where: str, max_bad_percent: float = 100.0) -> list[Entry]:
    """One entry per path, in order; files that cannot be used are logged.

    Raises:
        UserError: more than `max_bad_percent` of the files cannot be used.
    """
    key = hashlib.sha256(os.fsencode(Path(where).resolve())).hexdigest()[:16]
    remembered = files.cache("index") / f"{key}.json"
    known = _load(remembered)
    stamps = [_stamp(path) for path in paths]
    tokens = [f"{os.path.abspath(p)}|{s}" for p, s in zip(paths, stamps, strict=True)]
    missing = [(p, t) for p, t in zip(paths, tokens, strict=True) if t not in known]
    if missing:
        _log.info("%s: reading %d new files", files.shown(where), len(missing))
        try:
            _inspect_all(missing, known)
        finally:  # also what was found out until it was stopped
            # A fault may be mended without a new date: permissions, a full memory.
            seen = sorted({*tokens} & known.keys())
            good = {token: known[token] for token in seen if not known[token][1]}
            content = json.dumps(good).encode()
            files.remember(remembered, lambda file: file.write(content), where)
    entries = [
        Entry(path, known[token][0], stamp, known[token][1] or None)
        for path, token, stamp in zip(paths, tokens, stamps, strict=True)
    ]
    errors = [entry.error for entry in entries if entry.error]
    judge(errors, len(entries), where, max_bad_percent)
    return entries


def need_same(path: Path, stamp: str) -> None:
    """Raise `UserError` if a file has gone or changed since it was given this stamp."""
    now = _stamp(path)
    if now != stamp:
        how = "has disappeared" if not now else "has changed"
        raise UserError(
            f"{files.shown(path)}: the photograph {how} since the run began; put it "
            "back, or start a new run without it"
        )


def judge(bad: list[str], count: int, where: str, max_bad_percent: float) -> None:
    """Log what is wrong with some of `count` files, or raise if they are too many."""
    percent = 100 * len(bad) / max(1, count)
    if percent > max_bad_percent:
        raise UserError(
            f"{files.shown(where)}: {len(bad)} of {count} files cannot be used "
            f"({percent:.3g} %, more than --config.data.max_bad_percent="
            f"{max_bad_percent:g}): {'; '.join(bad[:3])}"
            + ("; ..." if len(bad) > 3 else "")
        )
    for error in bad[:20]:
        _log.warning("left out: %s", error)
    if len(bad) > 20:
        _log.warning("left out: %d more files", len(bad) - 20)


def _stamp(path: Path) -> str:
    """Empty if there is no such file."""
    try:
        stat = os.stat(path)
    except OSError:
        return ""
    return f"{stat.st_size}|{stat.st_mtime_ns}"


def _inspect_all(missing: list[tuple[Path, str]], known: dict[str, list[str]]) -> None:
    """What is found out about each path goes into `known`, by its token, at once."""
    pool = concurrent.futures.ThreadPoolExecutor()
    try:
        found = pool.map(_inspect, [path for path, _ in missing])
        for (_, token), entry in zip(missing, found, strict=True):
            known[token] = entry
    finally:  # also of a signal, which should not wait for all the rest
        pool.shutdown(cancel_futures=True)


def _inspect(path: Path) -> list[str]:
    try:
        # A JPEG at 1/8 of its size: all of its bytes are read, in a third of the time.
        decode(path, at_least=1)
        with path.open("rb") as file:
            return [hashlib.file_digest(file, "sha256").hexdigest(), ""]
    except OSError as error:
        return ["", f"{files.shown(path)}: {error.strerror or error}"]
    except UserError as error:
        return ["", str(error)]


def _load(path: Path) -> dict[str, list[str]]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}  # no memory, or a damaged one: everything is read again
