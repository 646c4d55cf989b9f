"""Films: every frame at its time, its sound untouched, its damage named."""

import dataclasses
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import films
import numpy as np
import pytest

from colorflax import footage
from colorflax.errors import UserError
from colorflax.footage import Frame

_TIMES = [2400, 3401, 4402, 4900, 7405, 8406]  # of a film whose rate varies
_BASE = Fraction(1, 24000)


def _patches() -> np.ndarray:
    """Sixteen colours in squares of 16 px."""
    colours = np.random.default_rng(3).integers(0, 256, (4, 4, 3), np.uint8)
    return colours.repeat(16, axis=0).repeat(16, axis=1)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_pieces_become_a_film_with_the_sound_that_was_there(
    tmp_path: Path, suffix: str
) -> None:
    source = films.make(
        tmp_path / "source.mp4", [_patches()] * 6, rate=Fraction(24000, 1001),
        times=_TIMES, time_base=_BASE, sound="aac", aspect=Fraction(4, 3),
        comment="of 1926",
    )  # fmt: skip
    film = footage.look(source)
    frames = list(footage.frames(film))
    target = tmp_path / f"target{suffix}"
    films.join(film, frames, target, cut=4)
    tick = Fraction(1, 1000) if suffix == ".mkv" else Fraction(1, 24000)
    expected = films.times(source)
    assert [round(24000 * x) for x in expected] == _TIMES
    (begin, sound), (wanted_begin, wanted_sound) = map(films.packets, (target, source))
    assert sound == wanted_sound
    assert len(sound) > 30
    for time, wanted in zip(films.times(target), expected, strict=True):
        # Matroska begins both later, where sound would begin before 0.
        assert abs(time - begin - (wanted - wanted_begin)) <= tick
    assert footage.comment(target) == "of 1926 | said"
    with av.open(str(target)) as container:
        video = container.streams.video[0]
        assert video.sample_aspect_ratio == Fraction(4, 3)
        assert (video.codec_context.color_range, video.codec_context.colorspace) == (
            1,
            1,
        )
    # Colours come back; the corners of patches are where their chroma is halved.
    inner = np.s_[4:12, 4:12]
    for picture in films.pictures(target):
        for y in range(0, 64, 16):
            for x in range(0, 64, 16):
                patch = np.s_[y : y + 16, x : x + 16]
                difference = picture[patch].astype(int) - _patches()[patch]
                assert abs(difference[inner]).max() <= 5


def test_frames_from_the_middle_are_those_of_the_whole(tmp_path: Path) -> None:
    source = films.make(tmp_path / "a.mkv", films.grainy(9), crf="5")
    film = footage.look(source)
    assert (film.size, film.rate, film.told) == ((96, 64), 24, 9)
    whole, rest = list(footage.frames(film)), list(footage.frames(film, 5))
    assert [frame.number for frame in rest] == [5, 6, 7, 8]
    for frame, again in zip(whole[5:], rest, strict=True):
        assert frame.time == again.time
        np.testing.assert_array_equal(frame.pixels, again.pixels)
    grey = np.array(films.grainy(9)).astype(int)
    assert abs(grey - [frame.pixels for frame in whole]).mean() < 3


def test_odd_sides_are_made_even(tmp_path: Path) -> None:
    frames = [Frame(i, i, x) for i, x in enumerate(films.grainy(2, 47, 65))]
    source = films.make(tmp_path / "a.mkv", [frame.pixels for frame in frames])
    target = tmp_path / "b.mkv"
    films.join(footage.look(source), frames, target, cut=1)
    for picture, frame in zip(films.pictures(target), frames, strict=True):
        assert picture.shape == (48, 66, 3)
        assert abs(picture[:47, :65].astype(int) - frame.pixels).mean() < 2


@pytest.mark.parametrize(
    "matrix",
    [(p, 0, 0, q) for p in (1, -1) for q in (1, -1)]
    + [(0, p, q, 0) for p in (1, -1) for q in (1, -1)],
)
def test_turned_and_mirrored_as_the_camera_was(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    """By the matrix of ISO 14496-12: x' = a x + c y, y' = b x + d y."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:12, :, 0], pixels[:, :16, 1] = 255, 255  # red on top, green on the left
    source = films.make(tmp_path / "a.mp4", [pixels] * 2, aspect=Fraction(4, 3))
    content = source.read_bytes()
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (x << 16 for x in matrix)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    at = content.index(plain, content.index(b"tkhd"))
    source.write_bytes(content[:at] + turned + content[at + 36 :])
    film = footage.look(source)
    lies = matrix[0] == 0
    size, aspect = ((48, 64), Fraction(3, 4)) if lies else ((64, 48), Fraction(4, 3))
    assert (film.size, film.aspect) == (size, aspect)
    a, b, c, d = matrix
    for frame in footage.frames(film):
        assert frame.pixels.shape == (*film.size[::-1], 3)
        for x, y in [(4, 30), (40, 4), (50, 40), (4, 4)]:  # of what is stored
            left = a * x + c * y + (film.size[0] - 1 if a + c < 0 else 0)
            top = b * x + d * y + (film.size[1] - 1 if b + d < 0 else 0)
            difference = frame.pixels[top, left].astype(int) - pixels[y, x]
            assert abs(difference).max() < 60


@pytest.mark.parametrize("name", ["a.avi", "a.mkv"])
def test_neither_turned_nor_mirrored_without_a_word(tmp_path: Path, name: str) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:12, :, 0], pixels[:, :16, 1] = 255, 255
    [frame] = footage.frames(footage.look(films.make(tmp_path / name, [pixels])))
    assert (
        abs(frame.pixels.astype(int) - pixels)[[4, 30, 4, 40], [4, 4, 40, 50]].max()
        < 60
    )


def test_a_damaged_place_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = films.make(tmp_path / "a.mp4", films.grainy(40), g="5", bf="0")
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    source.write_bytes(content)
    found = list(footage.frames(footage.look(source)))
    assert 20 < len(found) <= 40
    assert "a.mp4: is damaged in places; what cannot be read is left out" in caplog.text
    assert len(caplog.records) == 1


def test_one_film_behind_another_is_shown_after_it(tmp_path: Path) -> None:
    """As discs and cameras have them: times that begin again, of sound as well."""
    one = films.make(tmp_path / "one.ts", films.grainy(48), rate=25, sound="mp2")
    two = tmp_path / "two.ts"
    two.write_bytes(2 * one.read_bytes())
    film = footage.look(two)
    frames = list(footage.frames(film))
    steps = np.diff([float(frame.time * film.time_base) for frame in frames])
    assert len(frames) >= 94
    assert 0.03 < steps.min() <= steps.max() < 0.13  # 0.04, and a frame lost between
    target = tmp_path / "target.mkv"
    films.join(film, frames, target, cut=60)
    assert len(films.packets(target)[1]) == len(films.packets(two)[1])
    assert len(films.times(target)) == len(frames)


def test_a_film_that_begins_before_0_stays_beside_its_sound(tmp_path: Path) -> None:
    """A recording cut in the middle; also where a piece ends before 0."""
    source = films.make(tmp_path / "a.mkv", films.grainy(12), sound="flac")
    whole = footage.look(source)
    lag = round(Fraction(1, 4) / whole.time_base)  # that the picture is shown earlier
    frames = [f._replace(time=f.time - lag) for f in footage.frames(whole)]
    film = dataclasses.replace(whole, start=-lag)
    target = tmp_path / "b.mkv"
    films.join(film, frames, target, cut=3)
    begin, _ = films.packets(target)
    wanted = [frame.time * film.time_base for frame in frames]
    for time, expected in zip(films.times(target), wanted, strict=True):
        assert abs(time - begin - expected) <= Fraction(2, 1000)


def test_a_name_with_a_colon_is_no_address(tmp_path: Path) -> None:
    source = films.make(tmp_path / "12:30.mkv", films.grainy(12))
    film = footage.look(source)
    films.join(film, list(footage.frames(film)), tmp_path / "a:b.mkv", cut=1)
    assert len(films.pictures(tmp_path / "a:b.mkv")) == 12
    assert footage.look(tmp_path / "a:b.mkv").rate == film.rate == 24


@pytest.mark.parametrize("error", [av.error.InvalidDataError(1, "odd"), UnicodeError()])
def test_what_ffmpeg_cannot_do_is_one_line(error: Exception) -> None:
    with (
        pytest.raises(UserError, match="a.mkv: "),
        footage.in_a_line(Path("a.mkv")),
    ):
        raise error


@pytest.mark.parametrize("content", [b"", b"no film at all" * 99, None])
def test_what_is_no_film(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.mp4: cannot be read \(.+\)$"):
        footage.look(path)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mka"), "w") as container:
        audio: Any = container.add_stream("pcm_s16le", rate=44100)
        audio.layout = "mono"
        silence = np.zeros((1, 1024), np.int16)
        tone = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
        tone.rate = 44100
        container.mux(audio.encode(tone))
    with pytest.raises(UserError, match="no moving pictures"):
        footage.look(tmp_path / "a.mka")
