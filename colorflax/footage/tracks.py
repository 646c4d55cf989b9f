"""What goes along with the pictures of a film: its sound and its subtitles."""

import contextlib
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import av

from colorflax.disk.files import shown

_log = logging.getLogger(__name__)


@runtime_checkable
class Track(Protocol):
    """A stream on its way from one file to another."""

    def packets(self, packet: Any, start: Fraction) -> Iterator[Any]:
        """What one of the old file becomes, counted from `start` seconds on.

        The last of all is empty.
        """


def lay(source: Any, out: Any, path: Path, kind: str) -> dict[int, Track]:
    """A track for each stream of `source` that `out` can hold, by its number.

    Args:
        source: a container that is read.
        out: one that is written.
        path: of `source`, for messages.
        kind: suffix of `out`.
    """
    found: dict[int, Track] = {}
    for stream in (*source.streams.audio, *source.streams.subtitles):
        what = "sound" if stream.type == "audio" else "subtitles"
        if not stream.codec_context:
            problem = f"{what} of an unknown kind cannot be kept"
        elif made := _track(out, stream, kind):
            found[stream.index] = made
            continue
        else:
            problem = f"{what} ({stream.codec_context.name}) cannot be kept in {kind}"
            if kind != ".mkv":
                problem = f"{problem}; --container=mkv holds most"
        _log.warning("%s: its %s", shown(path), problem)
    return found


def name_alike(new: Any, old: Any) -> None:
    """Language, title and such of one stream for another."""
    new.disposition = old.disposition
    tags = old.metadata
    # MP4 and QuickTime have another word for it when they are read.
    for name, text in (
        ("language", tags.get("language")),
        ("title", tags.get("title") or tags.get("name")),
    ):
        if text:
            new.metadata[name] = text


def _track(out: Any, stream: Any, kind: str) -> Track | None:
    """As it was where `out` holds that; else sound is encoded anew, without loss."""
    sound, name = stream.type == "audio", stream.codec_context.name
    # These are taken for possible until the file is begun.
    refused = (kind == ".mov" and name in ("flac", "libopus", "opus")) or (
        kind == ".mp4" and name.startswith("pcm_")
    )
    if not refused:
        with contextlib.suppress(ValueError):  # not in such files
            copy = _copy(out, stream)
            return _Copied(copy) if sound else _Subtitles(copy)
    return _Encoded(out, stream, kind) if sound else None


def _copy(out: Any, stream: Any) -> Any:
    new = out.add_stream_from_template(stream)
    name_alike(new, stream)
    return new


class _Copied:
    """Sound as it was."""

    def __init__(self, stream: Any):
        self._stream, self._clock = stream, _Clock()

    def packets(self, packet: Any, start: Fraction) -> Iterator[Any]:
        self._clock.shift(packet, start)
        packet.stream = self._stream
        yield packet


class _Encoded:
    """Sound encoded anew, without loss."""

    def __init__(self, out: Any, stream: Any, kind: str):
        codec = "pcm_s16le" if kind == ".mov" else "flac"
        self._stream = out.add_stream(codec, rate=stream.rate)
        self._stream.layout = stream.layout
        name_alike(self._stream, stream)
        self._clock, self._following = _Clock(), 0
        self._resampler = av.AudioResampler("s16", stream.layout, stream.rate)

    def packets(self, packet: Any, start: Fraction) -> Iterator[Any]:
        self._clock.shift(packet, start)
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


class _Subtitles:
    """Subtitles as they were, which may overlap; not those of a second film."""

    def __init__(self, stream: Any):
        self._stream, self._last = stream, Fraction(0)

    def packets(self, packet: Any, start: Fraction) -> Iterator[Any]:
        if packet.dts is None or packet.pts is None:
            return
        by = round(-start / packet.time_base)
        packet.pts, packet.dts = packet.pts + by, packet.dts + by
        due = packet.dts * packet.time_base
        if due >= self._last:
            self._last = due
            packet.stream = self._stream
            yield packet


class _Clock:
    """Counts on where the sound of another film begins."""

    def __init__(self) -> None:
        self._last: Fraction | None = None
        self._later = Fraction(0)  # than it says is that of a second film, as pictures

    def shift(self, packet: Any, start: Fraction) -> None:
        """Count from `start`."""
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
