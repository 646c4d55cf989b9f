"""A film, read frame by frame."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from colorflax.disk.files import shown
from colorflax.errors import UserError

try:
    import av
    from av.stream import Disposition
except ImportError:
    raise UserError(
        "films want PyAV, which reads and writes them: pip install av"
    ) from None

_log = logging.getLogger(__name__)
_BACK = 25  # frames by which times go back where another film begins


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
        start: when its first frame is shown, if that is before 0, or 0.
    """

    path: Path
    size: tuple[int, int]
    aspect: Fraction
    rate: Fraction
    time_base: Fraction
    told: int
    start: int


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
        size = _upright(first).shape[1::-1]
        aspect = stream.sample_aspect_ratio or Fraction(1)
        turned, *_ = _turn(first)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        told = stream.frames
        if not told and container.duration:  # microseconds
            told = round(container.duration / 1_000_000 * rate)
        return Film(
            path=path,
            size=size,
            aspect=1 / aspect if turned and aspect else aspect or Fraction(1),
            rate=rate,
            time_base=stream.time_base or 1 / rate,
            told=told,
            start=min(0, first.pts or 0),
        )


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
        for number, frame in enumerate(_decoded(container, stream, film.path)):
            # Few files do not say when, and some say it twice.
            following = 0 if time is None else time + step
            said = following if frame.pts is None else frame.pts + later
            if time is not None and said < time - _BACK * step:
                later, said = later + following - said, following
            time = said if time is None else max(said, time + 1)
            if number >= start:
                yield Frame(number, time, _upright(frame, film))


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


def _moving(container: Any, path: Path) -> Any:
    stream = container.streams.best("video")
    if stream is None or stream.disposition & Disposition.attached_pic:
        raise UserError(f"{shown(path)}: there are no moving pictures in it")
    return stream


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    whole = True
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.InvalidDataError:
            if whole:
                _log.warning("%s: is damaged in places, left out", shown(path))
            whole = False
        except av.error.EOFError:
            return


def _upright(frame: Any, film: Film | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """As it is shown; of the film's size, should its own change on the way."""
    lies, right, down = _turn(frame)
    if film is not None:
        w, h = film.size[::-1] if lies else film.size
        frame = frame.reformat(width=w, height=h, format="rgb24")
    pixels: UInt8[np.ndarray, "h w 3"] = frame.to_ndarray(format="rgb24")
    if lies:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[::down, ::right])


def _turn(frame: Any) -> tuple[bool, int, int]:
    """Whether rows are shown as columns; then 1 or -1, from which ends.

    From the matrix of ISO 14496-12, by which x' = a x + c y and y' = b x + d y, as far
    as it turns by right angles and mirrors.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, 1, 1
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)
    if abs(b) > abs(a):
        return True, -1 if c < 0 else 1, -1 if b < 0 else 1
    return False, -1 if a < 0 else 1, -1 if d < 0 else 1
