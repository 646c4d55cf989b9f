"""The films that a user names, and the files that they become."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from colorflax.data.photographs import passed_over
from colorflax.disk import files
from colorflax.workshop.named import OTHER, OUTPUT, Kind, found, real

_FILM = Kind(
    "film",
    frozenset(
        ".3gp .asf .avi .dv .flv .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg "  # noqa: SIM905
        ".mpg .mts .mxf .ogv .ts .vob .webm .wmv".split()
    ),
)
_KEPT = {".mp4": ".mp4", ".m4v": ".mp4", ".mov": ".mov"}  # all else is Matroska


class Plan(NamedTuple):
    """What to colour.

    Attributes:
        films: by the file that each becomes.
        problems: a line for each that cannot be coloured.
        others: lines about what in folders is not taken for a film.
    """

    films: Mapping[Path, Path]
    problems: Sequence[str]
    others: Sequence[str]


def plan(names: Sequence[str], out: Path, container: str | None) -> Plan:
    """Each film once, in the order named; folders keep their tree below `out`.

    Args:
        names: files, folders and patterns such as reels/*.avi.
        out: the folder for all.
        container: mp4, mkv or mov; None keeps MP4 and QuickTime.
    """
    films: dict[Path, Path] = {}
    taken: dict[str, Path] = {}  # compared without case, as some disks do
    seen: set[str] = set()
    problems, others = [], []
    for source, place, problem in found(names, out, _FILM):
        if problem == OTHER:
            others.append(source)
        if problem in (OTHER, OUTPUT):
            continue
        if place is None:
            problems.append(f"{files.shown(source)}: {problem}")
            continue
        if real(source) in seen:
            continue
        seen.add(real(source))
        target = out / _becomes(place, container)
        other = taken.setdefault(str(target).casefold(), source)
        if other == source:
            films[target] = source
        else:
            problems.append(
                f"{files.shown(source)} would become the same file as "
                f"{files.shown(other)}; colour it by another command, with another "
                "--out"
            )
    said = passed_over(others, "films")
    return Plan(films, problems, [said] if said else [])


def _becomes(place: Path, container: str | None) -> Path:
    kept = _KEPT.get(place.suffix.lower(), ".mkv")
    return place.with_suffix(f".{container}" if container else kept)
