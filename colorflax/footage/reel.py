"""Frames written as H.264, in pieces that become one film with the sound of another."""

import contextlib
import heapq
import logging
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.footage import tracks
from colorflax.footage.film import Film, Frame, opened
from colorflax.footage.tracks import name_alike

_log = logging.getLogger(__name__)
_BT709, _LIMITED = 1, 1  # as H.264 numbers matrices and primaries; and ranges
_LONGEST = 10_000_000  # seconds; what says to end later does not know when
_Timed = tuple[Fraction, int, Any]
"""When a packet is due in seconds, its stream, the packet."""


class Reel:
    """A piece: frames at their times, in a container that keeps these exactly.

    Args:
        path: of the new file, whole when the `with` ends.
        film: whose time base and pixels the frames have.
        quality: x264's constant rate factor; 18 hides what is lost, more is smaller.
    """

    def __init__(self, path: Path, film: Film, quality: int):
        self._time_base, self._start = film.time_base, film.start
        self._container = av.open(str(path.absolute()), "w", format="nut")
        # Without frames that wait for later ones, pieces follow each other as they are.
        options = {"crf": str(quality), "bf": "0"}
        self._stream: Any = self._container.add_stream(
            "libx264", rate=film.rate, options=options
        )
        w, h = film.size
        self._stream.width, self._stream.height = w + w % 2, h + h % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = film.time_base
        codec = self._stream.codec_context
        codec.time_base, codec.sample_aspect_ratio = film.time_base, film.aspect
        codec.color_range = _LIMITED
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709

    def __enter__(self) -> "Reel":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._container:
            if kind is None:
                self._container.mux(self._stream.encode())

    def add(self, frame: Frame) -> None:
        """One more, later than the one before."""
        picture = _picture(frame.pixels)
        # A piece cannot begin before 0.
        picture.pts, picture.time_base = frame.time - self._start, self._time_base
        self._container.mux(self._stream.encode(picture))


def _picture(pixels: UInt8[np.ndarray, "h w 3"]) -> av.VideoFrame:
    """With even sides, as the format wants them: the last line repeats."""
    h, w = pixels.shape[:2]
    if h % 2 or w % 2:
        pixels = np.pad(pixels, ((0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace=_BT709)


def join(pieces: Sequence[Path], film: Film, target: Path, comment: str) -> None:
    """One film of the pieces, with the sound of `film`, its subtitles and chapters.

    Nothing is encoded again but sound that such files cannot hold. Subtitles that they
    cannot hold are left out, and chapters that are nowhere, with a line in the log.

    Args:
        pieces: in their order.
        film: whose sound and titles it gets.
        target: of the new file, whose suffix says what kind.
        comment: for its metadata, after that of `film`.
    """
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(opened(film.path))
        options = {"movflags": "faststart"} if target.suffix != ".mkv" else {}
        out = stack.enter_context(av.open(str(target.absolute()), "w", options=options))
        out.metadata.update(source.metadata)
        if comment:
            before = _comment(source)
            out.metadata["comment"] = f"{before} | {comment}" if before else comment
        with opened(pieces[0]) as first:
            video = out.add_stream_from_template(first.streams.video[0])
            video.codec_context.framerate = film.rate
        name_alike(video, source.streams.best("video"))
        beside = tracks.lay(source, out, film.path, target.suffix)
        begins = film.start * film.time_base
        flows = [_pictures(pieces, video)]
        if beside:
            flows.append(_beside(source, beside, begins))
        if chapters := list(_chapters(source, begins, film.path)):
            out.set_chapters(chapters)
        for _, _, packet in heapq.merge(*flows, key=lambda timed: timed[:2]):
            out.mux(packet)


def _chapters(source: Any, begins: Fraction, path: Path) -> Iterator[Any]:
    """Counted from where the film begins; what is before that, or nowhere, is not."""
    for chapter in source.chapters():
        base = chapter["time_base"]
        times = {x: chapter[x] - round(begins / base) for x in ("start", "end")}
        if 0 <= times["start"] <= times["end"] and times["end"] * base < _LONGEST:
            yield chapter | times
        else:
            _log.warning(
                "%s: a chapter that lies outside of it is left out", shown(path)
            )


def _pictures(pieces: Iterable[Path], stream: Any) -> Iterator[_Timed]:
    for piece in pieces:
        with opened(piece) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is not None:
                    # No frame waits for another; and below one a second, FFmpeg
                    # does not say when the first ones are due.
                    packet.dts = packet.pts
                    packet.stream = stream
                    yield packet.dts * packet.time_base, -1, packet


def _beside(
    source: Any, laid: dict[int, tracks.Track], start: Fraction
) -> Iterator[_Timed]:
    with contextlib.suppress(av.error.InvalidDataError):  # damaged from there on
        for packet in source.demux(*(source.streams[index] for index in laid)):
            index = packet.stream.index
            for made in laid[index].packets(packet, start):
                if made.dts is not None and made.size:
                    yield made.dts * made.time_base, index, made


def comment(path: Path) -> str:
    """What a film says of itself; nothing if it is none."""
    with contextlib.suppress(UserError), opened(path) as container:
        return _comment(container)
    return ""


def _comment(container: Any) -> str:
    tags = {name.lower(): text for name, text in container.metadata.items()}
    return str(tags.get("comment", ""))
