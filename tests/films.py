"""Small films with all that a test wants of them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy import ndimage

from colorflax import footage


def make(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    rate: Fraction | int = 24,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    sound: str | None = None,
    aspect: Fraction | None = None,
    comment: str = "",
    **options: str,
) -> Path:
    """H.264 of uint8 RGB frames, at `times` in the time base; sound of that codec."""
    base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = comment
        video: Any = container.add_stream("libx264", rate=rate, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv444p"
        video.time_base = video.codec_context.time_base = base
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        audio: Any = container.add_stream(sound, rate=44100) if sound else None
        if audio:
            audio.layout, audio.bit_rate = "mono", 128_000
        for time, pixels in zip(times or range(len(frames)), frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for start in range(0, 44100 if audio else 0, 1024):
            wave = 0.5 * np.sin(
                2 * np.pi * 440 * np.arange(start, start + 1024) / 44100
            )
            tone = av.AudioFrame.from_ndarray(
                wave[None].astype(np.float32), format="fltp", layout="mono"
            )
            tone.rate, tone.pts = 44100, start
            container.mux(audio.encode(tone))
        if audio:
            container.mux(audio.encode())
    return path


def pictures(path: Path) -> list[np.ndarray]:
    """All frames as uint8 RGB."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def times(path: Path) -> list[Fraction]:
    """When each is shown, in seconds."""
    with av.open(str(path)) as container:
        shown = container.decode(video=0)
        return [f.pts * f.time_base for f in shown if f.pts is not None]


def sound(path: Path) -> np.ndarray:
    """The first channel's samples, in [-1, 1]."""
    resampler = av.AudioResampler("fltp", "mono", 44100)
    with av.open(str(path)) as container:
        tones = [
            tone.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for tone in resampler.resample(frame)
        ]
    return np.concatenate(tones)


def packets(path: Path) -> tuple[Fraction, list[bytes]]:
    """The sound as it is stored, and when it begins, in seconds."""
    with av.open(str(path)) as container:
        found = [p for p in container.demux(audio=0) if p.size]
        first = found[0]
        assert first.pts is not None
        return first.pts * first.time_base, [bytes(p) for p in found]


def grainy(n: int, h: int = 64, w: int = 96, seed: int = 0) -> list[np.ndarray]:
    """Frames of something grey that stands still, with grain."""
    rng = np.random.default_rng(seed)
    still = ndimage.gaussian_filter(rng.normal(size=(h, w)), 4)
    still = 128 + 60 * still / np.abs(still).max()
    found = []
    for _ in range(n):
        grain = 6 * rng.normal(size=(h, w))
        grey = np.clip(still + grain, 0, 255).round().astype(np.uint8)
        found.append(np.repeat(grey[..., None], 3, axis=2))
    return found


def told(path: Path, source: Path) -> Path:
    """`source` as Matroska with two chapters, in German, and with Dutch subtitles."""
    subtitles = path.with_suffix(".srt")
    subtitles.write_text(
        "1\n00:00:00,100 --> 00:00:03,000\nGoedendag\n\n"
        "2\n00:00:00,500 --> 00:00:00,900\nTot ziens\n\n"
    )
    with (
        av.open(str(source)) as film,
        av.open(str(subtitles)) as words,
        av.open(str(path), "w") as out,
    ):
        streams: list[Any] = [*film.streams, *words.streams]
        copies = [out.add_stream_from_template(stream) for stream in streams]
        copies[0].metadata["language"] = "jpn"
        copies[1].metadata.update(language="ger", title="Stereo")
        copies[2].metadata.update(language="dut", title="Ondertitels")
        out.set_chapters(
            [
                {
                    "id": i,
                    "start": 100 * i,
                    "end": 100 * (i + 1),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": title},
                }
                for i, title in enumerate(("One", "Two"))
            ]
        )
        for packet in [*film.demux(), *words.demux()]:
            if packet.dts is not None:
                packet.stream = copies[streams.index(packet.stream)]
                out.mux(packet)
    return path


def join(
    film: footage.Film, frames: Sequence[footage.Frame], target: Path, cut: int
) -> None:
    """Two pieces, the first of `cut` frames, become a film."""
    pieces = []
    for i, part in enumerate((frames[:cut], frames[cut:])):
        pieces.append(target.with_name(f"{i}.nut"))
        with footage.Reel(pieces[-1], film, quality=1) as reel:
            for frame in part:
                reel.add(frame)
    footage.join(pieces, film, target, "said")
