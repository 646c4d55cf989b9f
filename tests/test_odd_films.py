"""Films as they come: slow, cut, interlaced, captured, of grey alone, of many bits."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import films
import numpy as np
import pytest

from colorflax import footage
from colorflax.footage import upright


def _encoded(
    path: Path, frames: list[np.ndarray], codec: str, pixels: str, **options: str
) -> Path:
    """Of arrays in the format `pixels`, as they are."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=25, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.codec_context.color_range = 1  # limited
        for i, values in enumerate(frames):
            kind = "rgb24" if values.ndim == 3 else pixels
            frame = av.VideoFrame.from_ndarray(values, format=kind)
            if values.ndim == 3:
                frame = frame.reformat(format=pixels)
            frame.pts, frame.color_range = i, 1
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


@pytest.mark.parametrize("seconds", [2, 3, 7])
def test_less_than_a_frame_a_second(tmp_path: Path, seconds: int) -> None:
    """As of slides and plants that grow: FFmpeg does not say when these are due."""
    rate = Fraction(1, seconds)
    source = films.make(tmp_path / "a.mkv", films.grainy(12, w=128), rate=rate)
    film = footage.look(source)
    frames = list(footage.frames(film))
    target = tmp_path / "b.mkv"
    films.join(film, frames, target, cut=5)
    assert len(frames) == 12
    assert (
        films.times(target) == films.times(source) == [seconds * i for i in range(12)]
    )


@pytest.mark.parametrize("overlap", [0.08, 0.5])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_recording_that_steps_back(
    tmp_path: Path, overlap: float, suffix: str
) -> None:
    """A little is sent twice; half a second back another one begins. Both play."""
    one = films.make(tmp_path / "one.ts", films.grainy(30), rate=25, sound="mp2")
    joined = tmp_path / "joined.ts"
    with av.open(str(one)) as source, av.open(str(joined), "w") as out:
        copies = [out.add_stream_from_template(x) for x in source.streams]
        packets = [x for x in source.demux() if x.dts is not None]
        for packet in packets:
            packet.stream = copies[packet.stream.index]
            out.mux(packet)
    # Of the same file again, its clock set back: MPEG counts 90,000 to a second.
    with av.open(str(one)) as source, av.open(str(tmp_path / "two.ts"), "w") as out:
        copies = [out.add_stream_from_template(x) for x in source.streams]
        for packet in [x for x in source.demux() if x.dts is not None]:
            by = round((1.0 - overlap) / packet.time_base)
            packet.pts, packet.dts = packet.pts + by, packet.dts + by
            packet.stream = copies[packet.stream.index]
            out.mux(packet)
    joined.write_bytes(joined.read_bytes() + (tmp_path / "two.ts").read_bytes())
    film = footage.look(joined)
    frames = list(footage.frames(film))
    assert len(frames) >= 58
    target = tmp_path / f"b{suffix}"
    films.join(film, frames, target, cut=9)
    assert len(films.times(target)) == len(frames)
    kept = len(films.packets(target)[1]) / len(films.packets(joined)[1])
    assert kept == 1 if overlap == 0.5 else 0.9 < kept < 1


def test_a_capture_that_begins_late_begins_at_once(tmp_path: Path) -> None:
    """Pictures and sound keep their distance, which here is a tenth of a second."""
    base = Fraction(1, 90_000)
    times = [90_000 * 30_000 + 3_600 * i for i in range(12)]
    silent = films.make(
        tmp_path / "a.ts", films.grainy(12), rate=25, times=times, time_base=base
    )
    film = footage.look(silent)
    target = tmp_path / "b.mkv"
    films.join(film, list(footage.frames(film)), target, cut=3)
    wanted = [Fraction(i, 25) for i in range(12)]
    for time, expected in zip(films.times(target), wanted, strict=True):
        assert abs(time - expected) <= Fraction(1, 1000)


def test_fields_become_frames(tmp_path: Path) -> None:
    """Of what moves, no frame has two positions in it, and none is lost or late."""
    combed = []
    for i in range(12):
        frame = np.full((96, 160, 3), 60, np.uint8)
        for field in (0, 1):
            left = 10 + 8 * i + 4 * field
            frame[field::2, left : left + 40] = 200
        combed.append(frame)
    source = _encoded(
        tmp_path / "a.mkv", combed, "mpeg2video", "yuv420p",
        flags="+ilme+ildct", qscale="2", g="1", bf="0",
    )  # fmt: skip
    film = footage.look(source)
    assert film.interlaced
    frames = list(footage.frames(film))
    times = [frame.time * film.time_base for frame in frames]
    assert times == pytest.approx([i / 25 for i in range(12)], abs=0.002)

    def comb(pixels: np.ndarray) -> float:
        rows = pixels[..., 1].astype(float)
        return float(abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())

    for before, after in zip(combed[2:-2], frames[2:-2], strict=True):
        assert comb(after.pixels) < comb(before) / 4


def test_fields_that_do_not_say_when() -> None:
    """As of streams without a container: as many frames, none with a time."""
    frames = [av.VideoFrame(64, 48, "yuv420p") for _ in range(5)]
    assert [x.pts for x in frames] == [None] * 5
    found = list(upright.deinterlaced(iter(frames), Fraction(1, 25)))
    assert [x.pts for x in found] == [None] * 5


@pytest.mark.parametrize(
    ("codec", "pixels", "least"),
    [("ffv1", "gray", 16), ("ffv1", "yuv420p10le", 64), ("ffv1", "yuv420p", 16)],
)
def test_black_stays_black_and_white_white(
    tmp_path: Path, codec: str, pixels: str, least: int
) -> None:
    """Of films in grey alone, too, which FFmpeg takes for brighter than they say."""
    ramp = least + np.arange(220) * (least // 16)
    kind = np.uint16 if pixels.endswith("le") else np.uint8
    luma = np.repeat(ramp[None].astype(kind), 32, axis=0)
    if pixels == "gray":
        values = luma
    else:  # planes below each other; chroma of nothing
        chroma = np.full((16, 220), 8 * least, kind)
        values = np.concatenate([luma, chroma])
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=25)
        video.height, video.width, video.pix_fmt = 32, 220, pixels
        video.codec_context.color_range = 1
        frame = av.VideoFrame.from_ndarray(values, format=pixels)
        frame.pts, frame.color_range = 0, 1
        container.mux(video.encode(frame))
        container.mux(video.encode())
    [frame] = footage.frames(footage.look(path))
    wanted = np.arange(220) * 255 / 219
    assert abs(frame.pixels.mean(axis=(0, 2)) - wanted).max() < 1
    assert abs(frame.pixels.mean(axis=(0, 2)) - wanted).mean() < 0.35


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_deep_sound_stays_deep(tmp_path: Path, suffix: str) -> None:
    """24 bits of PCM become 24 bits of FLAC, or of the PCM of QuickTime."""
    source = tmp_path / "a.mkv"
    wave = np.random.default_rng(0).integers(-(2**22), 2**22, 8_000) << 8
    with av.open(str(source), "w") as container:
        video: Any = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = container.add_stream("pcm_s24be", rate=8_000)
        sound.layout, sound.format = "mono", "s32"
        for i in range(2):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts = 12 * i
            container.mux(video.encode(frame))
        container.mux(video.encode())
        tone = av.AudioFrame.from_ndarray(
            wave[None].astype(np.int32), format="s32", layout="mono"
        )
        tone.rate, tone.pts = 8_000, 0
        container.mux(sound.encode(tone))
        container.mux(sound.encode())
    film = footage.look(source)
    target = tmp_path / f"b{suffix}"
    films.join(film, list(footage.frames(film)), target, cut=1)
    with av.open(str(target)) as container:
        found = [x.to_ndarray().ravel() for x in container.decode(audio=0)]
    np.testing.assert_array_equal(np.concatenate(found)[:8_000], wave)


def test_what_is_not_coloured_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another angle; and the rest of a film that was cut off."""
    source = films.make(tmp_path / "a.mkv", films.grainy(50))
    two = tmp_path / "two.mkv"
    with av.open(str(two), "w") as out:
        angles: list[Any] = [out.add_stream("libx264", rate=24) for _ in "ab"]
        for angle in angles:
            angle.width, angle.height, angle.pix_fmt = 96, 64, "yuv420p"
        for i, pixels in enumerate(films.grainy(5)):
            for angle in angles:
                frame = av.VideoFrame.from_ndarray(pixels)
                frame.pts = i
                out.mux(angle.encode(frame))
        for angle in angles:
            out.mux(angle.encode())
    assert len(list(footage.frames(footage.look(two)))) == 5
    cut = tmp_path / "cut.mkv"
    content = source.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    found = list(footage.frames(footage.look(cut)))
    assert 10 < len(found) < 40
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == f"{two}: its other moving pictures are left out"
    assert told[-1].startswith(f"{cut}: its pictures end after ")
    assert told[-1].endswith(" s of 2.1 s")


@pytest.mark.parametrize("declared", [1000, 60_000])
def test_more_frames_a_second_than_there_are(tmp_path: Path, declared: int) -> None:
    """As of screens that are recorded, and of DV."""
    base = Fraction(1, declared)
    times = [i * declared // 25 for i in range(12)]
    path = tmp_path / "a.nut"
    films.make(path, films.grainy(12), rate=declared, times=times, time_base=base)
    assert abs(footage.look(path).rate - 25) < 1
