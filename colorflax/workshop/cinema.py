"""A film coloured from file to file; what is done of it stays done."""

import contextlib
import dataclasses
import glob
import hashlib
import itertools
import json
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax.numpy as jnp
import tqdm

from colorflax import cli, footage
from colorflax.control.order import Wish
from colorflax.disk import files, lock
from colorflax.errors import FullError, Stopped, UserError
from colorflax.footage import Film, Frame
from colorflax.machines import signals
from colorflax.painting import steady
from colorflax.picture import Picture
from colorflax.workshop import account
from colorflax.workshop.ledger import stamp
from colorflax.workshop.programme import Plan
from colorflax.workshop.studio import Studio, hire

_PIECE = 128  # frames: what a process that is killed may lose
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Showing:
    """How films are coloured, beside each of their pictures; see video.py."""

    steadiness: float  # seconds
    quality: int
    overwrite: bool


class _Shot(NamedTuple):
    """A coloured frame, and what the next one needs to know."""

    frame: Frame
    memory: steady.Memory


def run(plan: Plan, checkpoint: str | None, wish: Wish, showing: Showing) -> int:
    """Colour every film; 1 if any of them could not be.

    Raises:
        UserError: nothing can be begun.
    """
    for line in (*plan.problems, *plan.others):
        cli.complain(line)
    failed = bool(plan.problems)
    if not plan.films:
        return 1
    at_work = hire(checkpoint, wish)
    for target, source in plan.films.items():
        try:
            before = colour(source, target, at_work, showing)
        except FullError:
            raise  # as it would be for the others
        except UserError as error:
            cli.complain(error)
            failed = True
            continue
        note = " (done before)" if before else ""
        print(f"{files.shown(source)} -> {files.shown(target)}{note}", flush=True)
    return int(failed)


def colour(source: Path, target: Path, studio: Studio, showing: Showing) -> bool:
    """Whether the coloured film was there already.

    Raises:
        UserError: it cannot be read or written.
        Stopped: a signal came; the same command goes on.
    """
    made = {
        **studio.settings(), "source": source.name, "stamp": stamp(source),
        "steadiness": showing.steadiness, "quality": showing.quality,
    }  # fmt: skip
    key = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]
    if os.path.lexists(target):
        said = footage.comment(target)
        if key in said and not showing.overwrite:
            return True
        _need_ours(target, source, said, showing.overwrite)
    with footage.in_a_line(source):
        try:
            _make(source, target, studio, showing, key)
        except Exception as error:
            if getattr(error, "errno", None) in files.FULL:  # not what is read
                raise FullError(
                    f"{files.shown(target)}: the disk is full; when that is mended, "
                    "the same command goes on"
                ) from None
            raise
    return False


def _make(
    source: Path, target: Path, studio: Studio, showing: Showing, key: str
) -> None:
    film = footage.look(source)
    # What was begun of another film of that name, or otherwise, stays what it is.
    begun = "." + os.fsdecode(os.fsencode(target.name)[:200])
    folder = target.parent / f"{begun}.{key}.parts"
    for other in target.parent.glob(f"{glob.escape(begun)}.*.parts"):
        if other != folder:
            cli.complain(
                f"{files.shown(other)} holds what was begun otherwise, for the command "
                "that began it; remove it if that is not to go on"
            )
    with lock.hold(folder / "lock", "--out"):
        parts = footage.Parts(folder)
        with signals.caught() as stop:
            _film(film, parts, studio, showing, stop)
        what = {"steadiness": f"{showing.steadiness:g}"}
        provenance = studio.provenance(what)
        words = f"{provenance.sentence()} [{key}]" if provenance else ""
        whole = parts.whole.with_suffix(target.suffix)
        if not parts.pieces:
            raise UserError(f"{files.shown(source)}: none of its frames can be read")
        footage.join(parts.pieces, film, whole, words)
        if os.path.lexists(target):  # it may have come meanwhile
            said = footage.comment(target)
            _need_ours(target, source, said, showing.overwrite)
        whole.replace(target)
        parts.remove()


def _need_ours(target: Path, source: Path, said: str, overwrite: bool) -> None:
    place = files.shown(target)
    itself = target.exists() and source.exists() and target.samefile(source)
    if itself or "Colours predicted by colorflax" not in said:
        raise UserError(f"{place}: is not written over; move it or name another --out")
    if not overwrite:
        raise UserError(
            f"{place} was coloured otherwise, or is of another film; --overwrite makes "
            "it anew, another --out keeps it"
        )


def _film(
    film: Film,
    parts: footage.Parts,
    studio: Studio,
    showing: Showing,
    stop: signals.Request,
) -> None:
    """Every frame that is not in a piece yet, piece by piece."""
    name = files.shown(film.path)
    kept = {name: jnp.asarray(x) for name, x in parts.memory().items()}
    memory = steady.Memory(**kept) if kept else None
    shots = _ahead(_shots(film, parts.end, memory, studio, showing))
    bar = tqdm.tqdm(
        total=film.told or None, initial=parts.end, unit="frame", disable=None,
        leave=False, desc=film.path.name,
    )  # fmt: skip
    with bar, contextlib.closing(shots):
        for first in shots:
            with footage.Reel(parts.begun, film, showing.quality) as reel:
                for shot in itertools.chain([first], shots):
                    reel.add(shot.frame)
                    bar.update()
                    if stop() or shot.frame.number + 1 - parts.end >= _PIECE:
                        break
            parts.add(shot.frame.number + 1, shot.memory._asdict())
            if stop():
                raise Stopped(
                    f"{name}: stopped after frame {parts.end} of about "
                    f"{max(film.told, parts.end)}; the same command goes on",
                    stop.code,
                )


def _shots(
    film: Film,
    start: int,
    memory: steady.Memory | None,
    studio: Studio,
    showing: Showing,
) -> Generator[_Shot]:
    most = showing.steadiness * float(film.rate)
    told = False
    for frame in footage.frames(film, start):
        picture = Picture(frame.pixels)
        if frame.number % _PIECE == 0 and not told and picture.kind() == "coloured":
            for note in account.notes("coloured", picture, film.path):
                cli.complain(f"{files.shown(film.path)}: {note}")
            told = True
        said = studio.lent(studio.colorizer.look(picture))
        memory = steady.follow(memory, said.head, said.rgb, most)
        said = dataclasses.replace(said, head=memory.said)
        yield _Shot(frame._replace(pixels=studio.painted(said)), memory)


def _ahead(items: Generator[T]) -> Generator[T]:
    """The same, each made while the one before it is used."""
    with contextlib.closing(items), ThreadPoolExecutor(1) as pool:
        end: Any = object()
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item
