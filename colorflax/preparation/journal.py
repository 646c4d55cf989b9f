"""Measurements kept as they are made, so that a stopped audit goes on where it was."""

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from colorflax.preparation import measure, parallel
from colorflax.preparation.measure import Measured


def measure_all(
    paths: Sequence[Path], journal: Path, threads: int, what: str = "audit"
) -> list[Measured]:
    """Measure every file, but for those whose size and date the journal knows.

    The journal is a text file to which each measurement adds a line. A line that was
    cut by a crash, or is about a file that has changed or failed, counts for nothing.
    """
    known = _load(journal)
    tokens = [_token(path) for path in paths]
    missing = [i for i, token in enumerate(tokens) if token not in known]
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("a+b") as file:
        _end_line(file)
        fresh = parallel.ordered(lambda i: measure.measure(paths[i]), missing, threads)
        tracked = parallel.track(fresh, len(paths), what, len(paths) - len(missing))
        for i, measured in zip(missing, tracked, strict=True):
            known[tokens[i]] = measured
            if not measured.error:
                line = {"token": tokens[i], **dataclasses.asdict(measured)}
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
    return [known[token] for token in tokens]


def _token(path: Path) -> str:
    try:
        stat = os.stat(path)
        state = f"{stat.st_size}|{stat.st_mtime_ns}"
    except OSError:
        state = "missing"
    return f"{measure.SCHEME}|{os.path.abspath(path)}|{state}"


def _load(journal: Path) -> dict[str, Measured]:
    return dict(_lines(journal)) if journal.exists() else {}


def _lines(journal: Path) -> Iterator[tuple[str, Measured]]:
    with journal.open("rb") as file:
        for text in file:
            try:
                line = json.loads(text)
                yield line.pop("token"), Measured(**line)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue


def _end_line(file) -> None:  # type: ignore[no-untyped-def]
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
