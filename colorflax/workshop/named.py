"""What a user names: files, folders and patterns, and where they belong."""

import dataclasses
import glob
import os
from collections.abc import Iterable
from pathlib import Path

from colorflax.data.photographs import all_files
from colorflax.disk import files

OUTPUT, OTHER = "output", "other"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is taken out of folders."""

    name: str  # photograph or film
    suffixes: frozenset[str]


Found = tuple[Path, Path | None, str]
"""A file, its place below the folder for all, or why it has none; `OUTPUT` and `OTHER`
stand for what is in a folder and is not taken."""


def found(names: Iterable[str], out: Path, kind: Kind) -> Iterable[Found]:
    """Each file that is named, and all in each folder; some more than once.

    Args:
        names: files, folders and patterns such as scans/*.tif.
        out: where outputs are, which are not taken out of a folder.
        kind: what is.
    """
    ours = Path(real(out))
    for name in names:
        path = files.local(name)
        try:
            if path.is_dir():
                yield from _below(path, ours, kind)
            else:
                yield from _matches(path, name, ours, kind)
        except OSError as error:
            yield path, None, f"cannot be looked at ({error.strerror})"


def _below(path: Path, ours: Path, kind: Kind) -> Iterable[Found]:
    """All that is in a folder."""
    if str(ours) == real(path):
        yield path, None, "--out is this folder itself; name another"
        return
    if ours in Path(real(path)).parents:
        yield path, None, "lies in --out, where outputs are; name another --out"
        return
    looked = ", ".join(sorted(kind.suffixes))
    nothing = f"no {kind.name} in it ({looked})"
    unread: list[OSError] = []
    for file in all_files(path, unread):
        if ours in Path(real(file)).parents:
            yield file, None, OUTPUT
        elif file.suffix.lower() not in kind.suffixes:
            yield file, None, OTHER
        else:
            nothing = ""
            yield file, file.relative_to(path), ""
    for error in unread:
        nothing = ""
        problem = f"cannot be looked into ({error.strerror})"
        yield Path(error.filename), None, problem
    if nothing:
        yield path, None, nothing


def _matches(path: Path, name: str, ours: Path, kind: Kind) -> Iterable[Found]:
    """A file, or those and all in the folders that a pattern means."""
    if path.exists() or not glob.has_magic(name):
        yield path, Path(path.name), ""
        return
    matches = [Path(x) for x in sorted(glob.glob(str(path), recursive=True))]
    if not matches:
        yield path, None, "no file matches"
    for match in matches:
        if not match.is_dir():
            yield match, Path(match.name), ""
        elif "**" not in name:  # which means what is in it by itself
            yield from _below(match, ours, kind)


def real(path: Path) -> str:
    """Where links lead; of those that lead to each other, one of them.

    `Path.resolve` raises for these.
    """
    return os.path.realpath(path)
