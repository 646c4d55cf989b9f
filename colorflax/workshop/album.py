"""The photographs that a user names, and the files that they become."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from colorflax.data.photographs import SUFFIXES
from colorflax.disk import files
from colorflax.picture import FORMATS
from colorflax.workshop.ledger import Ledger
from colorflax.workshop.named import OTHER, OUTPUT, Kind, found, real

_PHOTOGRAPH = Kind("photograph", SUFFIXES)
_SKIPPED = {
    OUTPUT: "in --out, where outputs are; name it by itself to have it coloured",
    OTHER: "not named like a photograph; name it by itself to have it tried",
}
_KEPT = {".png": ".png", ".tif": ".tif", ".tiff": ".tif"}  # without loss as well


@dataclasses.dataclass(frozen=True)
class Job:
    """One photograph.

    Attributes:
        source: the file, or what was named.
        target: the file that it becomes; None where it cannot.
        problem: why it cannot.
        skipped: what it is instead of a photograph to be coloured: OUTPUT or OTHER.
        beside: the files that are written with `target`.
    """

    source: Path
    target: Path | None
    problem: str = ""
    skipped: str | None = None
    beside: tuple[Path, ...] = ()


def plan(
    names: Iterable[str],
    out: Path,
    format: str | None,
    ledger: Ledger,
    more: Sequence[str] = (),
    reserved: Iterable[Path] = (),
) -> list[Job]:
    """Each photograph once, in the order named; then what is in folders beside them.

    Folders keep their tree below `out`. A photograph keeps the place that it had.
    Nothing is written over but what is ours of the same: a name that is taken gets a
    number.

    Args:
        names: files, folders and patterns such as scans/*.tif.
        out: the folder for all.
        format: one of `FORMATS`; None keeps PNG and TIFF and makes the others PNG.
        ledger: of `out`.
        more: what is written `beside` each.
        reserved: places for something else.
    """
    seen = sorted(found(names, out, _PHOTOGRAPH), key=lambda one: one[2] in _SKIPPED)
    # Compared without case: some disks do not tell A.png from a.png.
    taken = {real(source).casefold() for source, place, _ in seen if place}
    taken.update(real(path).casefold() for path in reserved)
    targets: dict[str, Path] = {}

    def takes(source: Path, target: Path) -> bool:
        # All or none: a photograph may be called as what is beside another.
        family = [target, *(beside(target, what) for what in more)]
        places = {real(path).casefold() for path in family}
        if places & taken or not all(ledger.ours(path, source) for path in family):
            return False
        taken.update(places)
        targets[real(source)] = target
        return True

    for likely in (ledger.former, _numbered):
        for source, place, _ in seen:
            if place and real(source) not in targets:
                wanted = likely(out / becomes(place, format), source)
                any(takes(source, target) for target in wanted)
    jobs: dict[str, Job] = {}
    for source, place, problem in seen:
        skipped = problem if problem in _SKIPPED else None
        job = Job(source, None, _SKIPPED.get(problem, problem), skipped)
        key = real(source)
        if place:
            family = tuple(beside(targets[key], what) for what in more)
            job = Job(source, targets[key], beside=family)
        jobs.setdefault(key, job)
    return list(jobs.values())


def _numbered(first: Path, source: Path) -> Iterable[Path]:
    yield first
    for number in itertools.count(2):
        yield first.with_name(f"{first.stem}-{number}{first.suffix}")


def becomes(place: Path, format: str | None = None) -> Path:
    """What a photograph of that name is called when it is coloured."""
    kept = _KEPT.get(place.suffix.lower(), ".png")
    return place.with_suffix(FORMATS[format] if format else kept)


def sweep(targets: Iterable[Path]) -> None:
    """Remove what a process that was killed had begun of these, or `beside` them."""
    folders: dict[Path, set[str]] = {}
    for target in targets:
        stems = folders.setdefault(target.parent, set())
        stems.add(files.cut(f"{target.stem}."))
    for folder, stems in folders.items():
        for path, name in files.begun(folder):
            if name.startswith(tuple(stems)):
                path.unlink(missing_ok=True)


def beside(target: Path, what: str) -> Path:
    """The place of what was asked for in addition."""
    return target.with_suffix(f".{what}{target.suffix}")
