"""The photographs that a user names, and the files that they become."""

import dataclasses
import glob
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from colorflax import files
from colorflax.data.photographs import SUFFIXES, list_files
from colorflax.picture import FORMATS

_KEPT = {".png": ".png", ".tif": ".tif", ".tiff": ".tif"}  # without loss as well


@dataclasses.dataclass(frozen=True)
class Job:
    """One photograph.

    Attributes:
        source: the file, or what was named.
        target: the file that it becomes; None where it cannot.
        problem: why it cannot.
    """

    source: Path
    target: Path | None
    problem: str = ""


def plan(
    names: Iterable[str], out: Path, format: str | None, ours: Callable[[Path], bool]
) -> list[Job]:
    """Each photograph once, in the order named.

    Folders keep their tree below `out`. Nothing is written over but what is `ours`: a
    name that is taken gets a number.

    Args:
        names: files, folders and patterns such as scans/*.tif.
        out: the folder for all.
        format: one of `FORMATS`; None keeps PNG and TIFF and makes the others PNG.
        ours: whether a file may be written over.
    """
    found = list(_found(names, out))
    # Compared without case: some disks do not tell A.png from a.png.
    taken = {str(source.resolve()).casefold() for source, _, _ in found}
    jobs: dict[Path, Job] = {}
    for source, place, problem in found:
        key = source.resolve()
        if key in jobs:
            continue
        if place is None:
            jobs[key] = Job(source, None, problem)
            continue
        first = target = out / becomes(place, format)
        number = 2
        while str(target.resolve()).casefold() in taken or not ours(target):
            target = first.with_name(f"{first.stem}-{number}{first.suffix}")
            number += 1
        taken.add(str(target.resolve()).casefold())
        jobs[key] = Job(source, target)
    return list(jobs.values())


def becomes(place: Path, format: str | None = None) -> Path:
    """What a photograph of that name is called when it is coloured."""
    kept = _KEPT.get(place.suffix.lower(), ".png")
    return place.with_suffix(FORMATS[format] if format else kept)


def sweep(jobs: Iterable[Job]) -> None:
    """Remove what a process that was killed had begun of the same files."""
    folders: dict[Path, set[str]] = {}
    for job in jobs:
        if job.target:
            folders.setdefault(job.target.parent, set()).add(job.target.stem)
    for folder, stems in folders.items():
        for path in folder.glob(".*") if folder.is_dir() else ():
            begun = re.fullmatch(r"\.(.+)\.[a-z0-9_]{8}", path.name)
            if begun and any(begun[1].startswith(f"{stem}.") for stem in stems):
                path.unlink(missing_ok=True)


def beside(target: Path, what: str) -> Path:
    """The place of what was asked for in addition."""
    return target.with_suffix(f".{what}{target.suffix}")


def _found(names: Iterable[str], out: Path) -> Iterable[tuple[Path, Path | None, str]]:
    """Each photograph, its place below `out`, or why it has none."""
    ours = out.resolve()  # what an earlier run left inside a folder
    for name in names:
        path = files.local(name)
        if path.is_dir():
            if ours == path.resolve():
                yield path, None, "--out is this folder itself; name another"
                continue
            inside = [x for x in list_files(path) if ours not in x.resolve().parents]
            if not inside:
                looked = ", ".join(sorted(SUFFIXES))
                yield path, None, f"no photograph in it ({looked})"
            for file in inside:
                yield file, file.relative_to(path), ""
        elif not path.exists() and glob.has_magic(name):
            matches = [Path(x) for x in sorted(glob.glob(str(path), recursive=True))]
            if not matches:
                yield path, None, "no file matches"
            for match in matches:
                if not match.is_dir():
                    yield match, Path(match.name), ""
        else:
            yield path, Path(path.name), ""
