"""What was written into a folder: so that it is not done twice, nor lost.

A line before a file is written says that it is ours; one after it, that it is whole and
what it was made from. A process that dies leaves at most a file that is made again.
"""

import dataclasses
import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from colorflax.disk import files
from colorflax.errors import FullError, UserError

_NAME = ".colorflax.jsonl"
_FULL = (*files.FULL, errno.EROFS, errno.EIO)
_BY_HAND = "hints"  # of what a file was made with


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file that was written, or was about to be.

    Attributes:
        file: below the folder.
        sha256: of its content, in hex.
        made: what it was made from and how.
        stamp: its size and time when it was whole; None before.
        seen: what its source was like, for reports.
        of: where its source was; empty in what older versions wrote.
    """

    file: str
    sha256: str
    made: Mapping[str, Any]
    stamp: tuple[int, int] | None = None
    seen: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    of: str = ""

    def shows(self, source: Path) -> bool:
        """Whether it was made from this photograph, moved or changed but not both."""
        return self.of == os.path.realpath(source) or (
            self.made.get("source") == source.name
            and self.made.get("stamp") == _plain({"stamp": stamp(source)})["stamp"]
        )


class Ledger:
    """The lines of one folder."""

    def __init__(self, root: Path):
        self._root = root
        self._path = root / _NAME
        self._hashes: dict[str, set[str]] = {}  # that a file of ours may have
        self._last: dict[str, Entry] = {}
        # Files by their folder and their source's name, in their order.
        self._made_from: dict[tuple[Path, str], dict[Path, None]] = {}
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                found = json.loads(line)
                whole = None if found["stamp"] is None else tuple(found["stamp"])
                self._remember(Entry(**(found | {"stamp": whole})))
            except (
                ValueError,
                TypeError,
                KeyError,
            ):  # cut off by the death of a process
                continue

    def done(self, target: Path, made: Mapping[str, Any]) -> bool:
        """Whether a file is there, whole and untouched, made from the same.

        What somebody has set by hand is not undone by who sets nothing by hand.
        """
        last = self._last.get(self._key(target))
        if last is None or last.stamp is None or stamp(target) != last.stamp:
            return False
        wanted = _plain(made)
        if wanted.get(_BY_HAND) == []:
            wanted[_BY_HAND] = last.made.get(_BY_HAND, [])
        return last.made == wanted

    def by_hand(self, target: Path) -> bool:
        """Whether colours of a file were set by hand."""
        last = self._last.get(self._key(target))
        return last is not None and bool(last.made.get(_BY_HAND))

    def former(self, target: Path, source: Path) -> list[Path]:
        """Where the colours of a photograph are, of `target` and that with a number."""
        stem, suffix = map(re.escape, (target.stem, target.suffix))
        alike = re.compile(rf"{stem}(-\d+)?{suffix}", re.DOTALL)
        return [
            place
            for place in self._made_from.get((target.parent, source.name), ())
            if alike.fullmatch(place.name)
            if self._last[self._key(place)].shows(source)
        ]

    def ours(self, target: Path, source: Path) -> bool:
        """Whether a file may be written over: not there, or ours of this photograph."""
        if not os.path.lexists(target):
            return True
        last = self._last.get(self._key(target))
        if last is not None and not last.shows(source):
            return False
        if last is not None and last.stamp and last.stamp == stamp(target):
            return True
        try:
            # Of what is known here it counts what it is, or somebody has changed it.
            if hashes := self._hashes.get(self._key(target)):
                return hashlib.sha256(target.read_bytes()).hexdigest() in hashes
            with Image.open(target) as image:
                said = image.info.get("Software")
                said = said or image.getexif().get(ExifTags.Base.Software)
            return str(said).startswith("colorflax")
        except Exception:  # whatever it is, it is no picture of ours
            return False

    def seen(self, target: Path) -> dict[str, Any]:
        """What the source of a file was like."""
        last = self._last.get(self._key(target))
        return dict(last.seen) if last else {}

    def write(
        self,
        target: Path,
        content: bytes,
        source: Path,
        made: Mapping[str, Any],
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        """A whole file or nothing, and both lines about it.

        Raises:
            UserError: it cannot be written, or is a stranger's.
            FullError: nor can any other.
        """
        if not self.ours(target, source):
            raise UserError(
                f"{files.shown(target)}: is not written over; move it or take another "
                "--out"
            )
        sha256 = hashlib.sha256(content).hexdigest()
        entry = Entry(
            self._key(target), sha256, _plain(made), seen=seen or {},
            of=os.path.realpath(source),
        )  # fmt: skip
        try:
            self._append(entry)
            files.write(target, content)
            self._append(dataclasses.replace(entry, stamp=stamp(target)))
        except OSError as error:
            kind = FullError if error.errno in _FULL else UserError
            raise kind(
                f"{files.shown(target)}: cannot be written ({error.strerror or error})"
            ) from None

    def _append(self, entry: Entry) -> None:
        # It begins a line of its own, whatever a dead process has left of the last.
        line = "\n" + json.dumps(dataclasses.asdict(entry), sort_keys=True)
        with self._path.open("ab") as file:
            file.write(line.encode())
        self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        self._hashes.setdefault(entry.file, set()).add(entry.sha256)
        self._last[entry.file] = entry
        place = self._root / entry.file
        beside = (place.parent, str(entry.made.get("source")))
        self._made_from.setdefault(beside, {})[place] = None

    def _key(self, target: Path) -> str:
        return target.relative_to(self._root).as_posix()


def stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _plain(made: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back."""
    return dict(json.loads(json.dumps(made)))
