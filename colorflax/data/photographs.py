"""Photographs, wherever they are kept: many of them in a few arrays."""

import dataclasses
import importlib.util
import logging
import operator
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, overload, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from colorflax.data import index, opening
from colorflax.data.decode import decode
from colorflax.disk import files
from colorflax.errors import UserError

_log = logging.getLogger(__name__)

_HEIC = (".heic", ".heics", ".heif", ".heifs", ".hif")
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .avif .avifs .tif .tiff "  # noqa: SIM905
    ".bmp .dib .gif .jp2 .j2k .j2c .jpc .jpf .jpx .ppm .pgm .pbm .pnm".split()
) | frozenset(_HEIC if opening.HEIF else ())
_BUILTIN = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Content:
    """What a source holds of one photograph."""

    picture: Path | bytes  # a file, or what is in one
    name: str  # for messages
    embedding: Float[np.ndarray, " d"] | None = None  # made beforehand

    def open(self, at_least: int | None = None) -> Image.Image:
        """The photograph as `decode` gives it."""
        return decode(self.picture, at_least, self.name)


@runtime_checkable
class Source(Protocol):
    """A place of photographs.

    Worker processes get a copy, so it pickles small and opens nothing before `read`.
    """

    def read(self, row: int) -> Content:
        """Photograph number `row`; may be called from many threads."""


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One photograph, known by what it holds."""

    sha256: str
    source: Source
    row: int

    def read(self) -> Content:
        """Its bytes, or where they are."""
        return self.source.read(self.row)

    def open(self, at_least: int | None = None) -> Image.Image:
        """The photograph as `decode` gives it."""
        return self.read().open(at_least)


@dataclasses.dataclass(frozen=True, eq=False)
class Photographs(Sequence[Photograph]):
    """Photographs of one source: 40 bytes for each beside what the source needs."""

    source: Source
    rows: Int[np.ndarray, " n"]  # their numbers in the source
    digests: UInt8[np.ndarray, "n 32"]  # SHA-256 of each file

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, i: int) -> Photograph: ...
    @overload
    def __getitem__(self, i: slice | np.ndarray) -> "Photographs": ...
    def __getitem__(self, i: int | slice | np.ndarray) -> "Photograph | Photographs":
        if isinstance(i, slice | np.ndarray):
            return Photographs(self.source, self.rows[i], self.digests[i])
        i = operator.index(i)
        return Photograph(
            self.digests[i].tobytes().hex(), self.source, int(self.rows[i])
        )

    def by_content(self) -> "Photographs":
        """The same in the order of their hashes, each content once."""
        words = np.ascontiguousarray(self.digests).view(">u8")
        order = np.lexsort(words.T[::-1])  # of equals, the first stays first
        words = words[order]
        first = np.ones(len(order), bool)
        first[1:] = (words[1:] != words[:-1]).any(axis=1)
        return self[order[first]]


@dataclasses.dataclass(frozen=True)
class Files:
    """Picture files below a folder."""

    root: str
    names: tuple[str, ...]
    stamps: tuple[str, ...]  # of `index.need_same`

    def read(self, row: int) -> Content:
        """The path of file number `row`, if it is still the file that was counted."""
        path = Path(self.root, self.names[row])
        index.need_same(path, self.stamps[row])
        return Content(path, str(path))


def builtin() -> Photographs:
    """The colour photographs inside scikit-image's package."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise UserError("the built-in photographs need scikit-image: pip install it")
    root = Path(spec.origin).parent / "data"
    return _checked([root / name for name in _BUILTIN], root, max_bad_percent=0.0)


def folder(root: Path, max_bad_percent: float = 100.0) -> Photographs:
    """Every readable photograph below `root`, hidden folders left out.

    Raises:
        UserError: no folder, no photograph, or more than `max_bad_percent` bad files.
    """
    if not root.is_dir():
        raise UserError(f"{files.shown(root)}: no such folder")
    return _checked(list_files(root), root, max_bad_percent)


def list_files(root: Path, without: Path | None = None) -> list[Path]:
    """Files below `root` that are named like pictures, hidden ones left out.

    A line is logged about the others; none about what is in the folder `without`.
    """
    every = all_files(root)
    if without is not None:
        ours = without.resolve()
        places = {path.parent: path.parent.resolve() for path in every}
        every = [p for p in every if not places[p.parent].is_relative_to(ours)]
    if others := passed_over(path for path in every if not named_like_a_picture(path)):
        _log.info("%s: %s", files.shown(root), others)
    return [path for path in every if named_like_a_picture(path)]


def passed_over(others: Iterable[Path], what: str = "photographs") -> str:
    """What is said of files that are not taken for `what`; empty for none."""
    kinds = [path.suffix.lower() or path.name for path in others]
    if not kinds:
        return ""
    which = files.shown(", ".join(sorted(set(kinds))))
    said = f"{len(kinds)} passed over, not named like {what} ({which})"
    if what == "photographs" and not set(_HEIC).isdisjoint(kinds):
        said += "; install pillow-heif to have HEIC read"
    return said


def all_files(root: Path, unread: list[OSError] | None = None) -> list[Path]:
    """Files below `root` and folders linked there, hidden ones left out.

    What is no photograph is reported by who reads it.

    Args:
        root: a folder.
        unread: takes what is wrong with folders that cannot be read.

    Raises:
        UserError: a folder cannot be read, and there is no `unread`.
    """

    def note(error: OSError) -> None:
        if unread is None:
            place = files.shown(error.filename)
            raise UserError(f"{place}: cannot be looked into ({error.strerror})")
        unread.append(error)

    found: list[Path] = []
    been: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=note, followlinks=True):
        if (place := os.path.realpath(folder)) in been:
            folders.clear()  # links in a circle, or to what was seen
            continue
        been.add(place)
        shown = (name for name in folders if not name.startswith("."))
        # What is linked to from beside it keeps its own place.
        folders[:] = sorted(shown, key=lambda x: os.path.islink(Path(folder, x)))
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(found)


def named_like_a_picture(path: Path) -> bool:
    """Whether its suffix is one of `SUFFIXES`."""
    return path.suffix.lower() in SUFFIXES


def digests(hashes: Iterable[str]) -> UInt8[np.ndarray, "n 32"]:
    """Hashes in hexadecimal -> one row of bytes each."""
    packed = bytes.fromhex("".join(hashes))
    return np.frombuffer(packed, np.uint8).reshape(-1, 32)


def _checked(paths: list[Path], root: Path, max_bad_percent: float) -> Photographs:
    entries = index.read(paths, str(root), max_bad_percent)
    good = [entry for entry in entries if entry.error is None]
    if not good:
        looked = ", ".join(sorted(SUFFIXES))
        raise UserError(
            f"{files.shown(root)}: no photograph found (looked for {looked})"
        )
    source = Files(
        str(root),
        tuple(str(entry.path.relative_to(root)) for entry in good),
        tuple(entry.stamp for entry in good),
    )
    hashes = digests(entry.sha256 for entry in good)
    return Photographs(source, np.arange(len(good)), hashes).by_content()
