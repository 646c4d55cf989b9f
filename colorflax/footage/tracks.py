"""What goes along with the pictures of a film: its sound and its subtitles."""

import contextlib
import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import av

from colorflax.disk.files import shown
from colorflax.footage.film import BACK

_log = logging.getLogger(__name__)


# Kinds of subtitles that Matroska does not hold, or only it, and what they become.
_OTHER = {
    ("mov_text", True): "subrip",
    **dict.fromkeys([("srt", False), ("subrip", False)], "mov_text"),
}


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
    if codec := _OTHER.get((name, kind == ".mkv")):
        return _Words(out, stream, codec)
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
        if self._clock.shift(packet, start):
            packet.stream = self._stream
            yield packet


class _Encoded:
    """Sound encoded anew, without loss up to 24 bits."""

    def __init__(self, out: Any, stream: Any, kind: str):
        deep = stream.format.bits > 16 and stream.codec_context.codec.lossless
        pcm = "pcm_s24le" if deep else "pcm_s16le"
        self._stream = out.add_stream(pcm if kind == ".mov" else "flac", stream.rate)
        if deep:
            self._stream.format = "s32"
        self._stream.layout = stream.layout
        name_alike(self._stream, stream)
        self._clock, self._following = _Clock(), 0
        self._resampler = av.AudioResampler(
            "s32" if deep else "s16", stream.layout, stream.rate
        )

    def packets(self, packet: Any, start: Fraction) -> Iterator[Any]:
        if not self._clock.shift(packet, start):
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


class _Words(_Subtitles):
    """Subtitles of text in the other of two kinds: SubRip, or that of MP4.

    MP4 has before each text its length in two bytes, and behind it how it looks; one
    without text ends the one before, which FFmpeg sees to when it writes.
    """

    def __init__(self, out: Any, stream: Any, codec: str):
        new = out.add_stream(codec)
        new.codec_context.subtitle_header = b"[Script Info]\n"  # or it is not opened
        name_alike(new, stream)
        super().__init__(new)
        self._change = _from_mp4 if codec == "subrip" else _to_mp4

    def packets(self, packet: Any, start: Fraction) -> Iterator[Any]:
        if words := self._change(bytes(packet)):
            new = av.Packet(words)
            new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
            new.time_base = packet.time_base
            yield from super().packets(new, start)


def _from_mp4(content: bytes) -> bytes:
    words = content[2 : 2 + int.from_bytes(content[:2], "big")]
    if words[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return words.decode("utf-16", "replace").encode()
    return words


def _to_mp4(content: bytes) -> bytes:
    words = re.sub(rb"<[^>]*>|\{\\[^}]*\}", b"", content)  # which say how it looks
    return len(words).to_bytes(2, "big") + words if len(words) < 1 << 16 else b""


class _Clock:
    """Counts on where the sound of another film begins."""

    def __init__(self) -> None:
        self._ends: Fraction | None = None
        self._later = Fraction(0)  # than it says is that of a second film, as pictures
        self._before = Fraction(-(1 << 40))

    def shift(self, packet: Any, start: Fraction) -> bool:
        """Count from `start`; whether it comes after the one before, as it has to."""
        if packet.dts is None or packet.pts is None:
            return True
        base = packet.time_base
        due = packet.dts * base + self._later
        if self._ends is not None and due < self._ends - BACK:
            self._later += self._ends - due
            due = self._ends
        if due < self._before:  # what is sent again where a broadcast breaks off
            return False
        by = round((self._later - start) / base)
        packet.pts, packet.dts = packet.pts + by, packet.dts + by
        self._before, self._ends = due, due + (packet.duration or 0) * base
        return True
