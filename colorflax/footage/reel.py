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
from colorflax.footage.film import Film, Frame, opened

_log = logging.getLogger(__name__)
_BT709, _LIMITED = 1, 1  # as H.264 numbers matrices and primaries; and ranges
_NAMES = {"language", "title"}  # of tracks
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

    Nothing is encoded again but sound that such files cannot hold; subtitles that they
    cannot hold are left out, with a line in the log.

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
        tracks = _tracks(source, out, film, target.suffix)
        begins = film.start * film.time_base
        flows = [_pictures(pieces, video)]
        if tracks:
            flows.append(_beside(source, tracks, begins))
        if chapters := source.chapters():
            out.set_chapters([_later(chapter, -begins) for chapter in chapters])
        for _, _, packet in heapq.merge(*flows, key=lambda timed: timed[:2]):
            out.mux(packet)


def _tracks(source: Any, out: Any, film: Film, kind: str) -> "dict[int, _Track]":
    """What goes along with the pictures, by its number in the source."""
    found = {s.index: _Track(out, s, kind) for s in source.streams.audio}
    for stream in source.streams.subtitles:
        try:
            found[stream.index] = _Track(out, stream, kind)
        except ValueError:
            _log.warning(
                "%s: %s holds no subtitles such as these; --container=mkv does",
                shown(film.path), kind,
            )  # fmt: skip
    return found


def _later(chapter: Any, by: Fraction) -> Any:
    ticks = round(by / chapter["time_base"])
    times = {end: chapter[end] + ticks for end in ("start", "end")}
    return chapter | times


class _Track:
    """Sound as it was, or encoded anew, without loss; or subtitles as they were.

    Raises:
        ValueError: subtitles that such files do not hold.
    """

    def __init__(self, out: Any, stream: Any, kind: str):
        self._last: Fraction | None = None
        self._later = Fraction(0)  # than it says is that of a second film, as pictures
        name = stream.codec_context.name
        self._encodes = (kind == ".mov" and name in ("flac", "libopus", "opus")) or (
            kind == ".mp4" and name.startswith("pcm_")
        )  # which are taken for possible until the file is begun
        if not self._encodes:
            try:
                self._stream = out.add_stream_from_template(stream)
            except ValueError:  # not in such files
                if stream.type != "audio":
                    raise
                self._encodes = True
        if self._encodes:
            codec = "pcm_s16le" if kind == ".mov" else "flac"
            self._stream = out.add_stream(codec, rate=stream.rate)
            self._stream.layout = stream.layout
            self._following = 0
            self._resampler = av.AudioResampler("s16", stream.layout, stream.rate)
        self._stream.disposition = stream.disposition
        for name in _NAMES & stream.metadata.keys():
            self._stream.metadata[name] = stream.metadata[name]

    def shift(self, packet: Any, start: Fraction) -> None:
        """Count from `start`, and on where the sound of another film begins."""
        if packet.dts is None or packet.pts is None:
            return
        base = packet.time_base
        due = packet.dts * base + self._later
        if self._last is not None and due < self._last - 1:
            self._later += self._last - due
            due = self._last
        by = round((self._later - start) / base)
        packet.pts, packet.dts = packet.pts + by, packet.dts + by
        self._last = due + (packet.duration or 0) * base

    def packets(self, packet: Any) -> Iterator[Any]:
        """What one packet of the old sound becomes; the last of all is empty."""
        if not self._encodes:
            packet.stream = self._stream
            yield packet
            return
        frames = []
        with contextlib.suppress(av.error.InvalidDataError):  # damaged, and silent
            frames = packet.decode()
        for frame in frames:
            for tone in self._resampler.resample(frame):
                if tone.pts is None:  # the last one of some decoders
                    tone.pts = self._following
                self._following = tone.pts + tone.samples
                yield from self._stream.encode(tone)
        if not packet.size:
            yield from self._stream.encode()


def _pictures(pieces: Iterable[Path], stream: Any) -> Iterator[_Timed]:
    for piece in pieces:
        with opened(piece) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    yield packet.dts * packet.time_base, -1, packet


def _beside(
    source: Any, tracks: dict[int, _Track], start: Fraction
) -> Iterator[_Timed]:
    with contextlib.suppress(av.error.InvalidDataError):  # damaged from there on
        for packet in source.demux(*(source.streams[index] for index in tracks)):
            index = packet.stream.index
            tracks[index].shift(packet, start)
            for made in tracks[index].packets(packet):
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
