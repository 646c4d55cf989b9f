"""A film, read frame by frame."""

import contextlib
import dataclasses
import itertools
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.stream import Disposition
from jaxtyping import UInt8

from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.footage.upright import deinterlaced, turn, upright

_log = logging.getLogger(__name__)
BACK = Fraction(1, 4)
"""Seconds by which times go back where another film begins in the same file."""
_PACED = 120  # frames a second; of more, what the file says is looked into
_HDR = 16, 18  # as it numbers transfer functions: PQ and HLG


@dataclasses.dataclass(frozen=True)
class Film:
    """What a file says of its moving pictures.

    Attributes:
        path: where it is.
        size: width and height in px, upright.
        aspect: width of a pixel over its height.
        rate: frames a second, on average.
        time_base: seconds in the unit of `Frame.time`.
        told: how many frames it says that it has; 0 if it does not.
        start: when the first of its streams begins, which becomes 0; and its pictures,
            where they begin before 0.
        interlaced: whether its frames are two fields, one after the other.
    """

    path: Path
    size: tuple[int, int]
    aspect: Fraction
    rate: Fraction
    time_base: Fraction
    told: int
    start: int
    interlaced: bool = False


class Frame(NamedTuple):
    """One picture of a film."""

    number: int  # from 0
    time: int  # when it is shown, in the film's time base
    pixels: UInt8[np.ndarray, "h w 3"]  # upright sRGB


def look(path: Path) -> Film:
    """What there is to know before all frames are read.

    Raises:
        UserError: it is no film, or cannot be read.
    """
    with opened(path) as container:
        stream = _moving(container, path)
        first = next(_decoded(container, stream, path), None)
        if first is None:
            raise UserError(f"{shown(path)}: none of its frames can be read")
        size = upright(first).shape[1::-1]
        aspect = stream.sample_aspect_ratio or Fraction(1)
        turned, *_ = turn(first)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        if rate > _PACED:
            rate = _pace(path) or rate
        told = stream.frames
        if not told and container.duration:  # microseconds
            told = round(container.duration / 1_000_000 * rate)
        if len(_pictures(container)) > 1:
            _log.warning("%s: its other moving pictures are left out", shown(path))
        if first.color_trc in _HDR:
            _log.warning(
                "%s: is HDR, which is taken as it is: its light comes out flat",
                shown(path),
            )
        time_base = stream.time_base or 1 / rate
        begins = first.pts or 0
        if begins > 0:
            earliest = Fraction(container.start_time or 0, 1_000_000) / time_base
            begins = max(0, min(begins, int(earliest)))
        return Film(
            path=path,
            size=size,
            aspect=1 / aspect if turned and aspect else aspect or Fraction(1),
            rate=rate,
            time_base=time_base,
            told=told,
            start=begins,
            interlaced=first.interlaced_frame,
        )


def _pace(path: Path) -> Fraction | None:
    """Frames a second by when the first hundred are shown, as far as they say it."""
    with opened(path) as container:
        stream = _moving(container, path)
        packets = itertools.islice(container.demux(stream), 100)
        times = sorted({packet.pts for packet in packets if packet.pts is not None})
        steps = sorted(b - a for a, b in itertools.pairwise(times))
        return 1 / (steps[len(steps) // 2] * stream.time_base) if steps else None


def frames(film: Film, start: int = 0) -> Iterator[Frame]:
    """All frames from number `start` on.

    A place that is damaged is left out, with a line in the log.
    """
    with opened(film.path) as container:
        stream = _moving(container, film.path)
        # Not by several threads: where one meets damage, the frames of the others go.
        time: int | None = None
        later = 0  # than they say are the frames of a second film behind the first
        step = max(1, round(1 / (film.rate * film.time_base)))
        decoded = _decoded(container, stream, film.path)
        whole = deinterlaced(decoded, film.time_base) if film.interlaced else decoded
        for number, frame in enumerate(whole):
            # Few files do not say when, and some say it twice.
            following = 0 if time is None else time + step
            said = following if frame.pts is None else frame.pts + later
            if time is not None and said < time - BACK / film.time_base:
                later, said = later + following - said, following
            time = said if time is None else max(said, time + 1)
            if number >= start:
                yield Frame(number, time, upright(frame, film.size))
        ends = 0 if time is None else (time - film.start) * film.time_base
        length = _length(container, stream)
        if ends + 2 / film.rate + BACK < length:
            _log.warning(
                "%s: its pictures end after %.1f s of %.1f s",
                shown(film.path), float(ends), float(length),
            )  # fmt: skip


def _length(container: Any, stream: Any) -> Fraction:
    """Seconds of pictures that a file says it has; 0 where it does not."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    # Of Matroska this is all that is told, and words may stand for longer.
    known = container.duration if not container.streams.subtitles else None
    return Fraction(known or 0, 1_000_000)


@contextlib.contextmanager
def in_a_line(path: Path) -> Iterator[None]:
    """What FFmpeg cannot do about a film, as a `UserError`."""
    try:
        yield
    except (av.error.FFmpegError, UnicodeError) as error:
        problem = getattr(error, "strerror", None) or error
        raise UserError(f"{shown(path)}: {problem}") from None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A container that is read.

    Raises:
        UserError: it is none, or not there.
    """
    try:
        # A colon in a name would make it an address; titles come in any encoding.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        problem = getattr(error, "strerror", None) or error
        raise UserError(f"{shown(path)}: cannot be read ({problem})") from None
    with container:
        yield container


def _pictures(container: Any) -> list[Any]:
    still = Disposition.attached_pic
    return [x for x in container.streams.video if not x.disposition & still]


def _moving(container: Any, path: Path) -> Any:
    stream = container.streams.best("video")
    if stream is None or stream not in _pictures(container):
        raise UserError(f"{shown(path)}: there are no moving pictures in it")
    return stream


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    whole = True

    def damaged() -> None:
        nonlocal whole
        if whole:
            _log.warning(
                "%s: is damaged in places; what cannot be read is left out", shown(path)
            )
        whole = False

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            for frame in packet.decode():
                if frame.is_corrupt:
                    damaged()
                yield frame
        except av.error.InvalidDataError:
            damaged()
        except av.error.EOFError:
            return
