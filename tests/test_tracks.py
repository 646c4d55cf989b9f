"""What goes along with the pictures of a film: sound, subtitles, chapters, names."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import films
import pytest

from colorflax import footage
from colorflax.footage import reel, tracks


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_languages_chapters_and_subtitles_come_along(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    plain = films.make(tmp_path / "plain.mp4", films.grainy(24), sound="aac")
    source = films.told(tmp_path / "source.mkv", plain)
    film = footage.look(source)
    target = tmp_path / f"target{suffix}"
    films.join(film, list(footage.frames(film)), target, cut=1)
    with av.open(str(target)) as container:
        [sound] = container.streams.audio
        assert sound.metadata["language"] == "ger"
        assert "Stereo" in (sound.metadata.get("title"), sound.metadata.get("name"))
        assert container.streams.video[0].metadata["language"] == "jpn"
        chapters = [
            (x["start"] * x["time_base"], x["end"] * x["time_base"], x["metadata"])
            for x in container.chapters()
        ]
        wanted = [(0, Fraction(1, 10)), (Fraction(1, 10), Fraction(1, 5))]
        for (start, end, names), times, title in zip(
            chapters, wanted, ("One", "Two"), strict=True
        ):
            assert names["title"] == title
            assert abs(start - times[0]) < 0.06  # where sound begins before 0
            assert abs(end - times[1]) < 0.06
        held = [s for s in container.streams.subtitles if s.codec_context]
        said = [x for x in container.demux(*held) if x.size] if held else []
    texts = [record.getMessage() for record in caplog.records]
    assert not texts
    assert [s.metadata["language"] for s in held] == ["dut"]
    if suffix == ".mkv":
        # The second begins before the first, which is long, has ended.
        assert [bytes(x) for x in said] == [b"Goedendag", b"Tot ziens"]
        times = [x.pts * x.time_base for x in said]
        assert times == pytest.approx([0.1, 0.5], abs=0.06)


def test_words_go_from_mp4_to_matroska(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And back: with times and language; what only ends them is no subtitle."""
    plain = films.make(tmp_path / "plain.mp4", films.grainy(24), sound="aac")
    told = films.told(tmp_path / "told.mkv", plain)
    for source, suffix in ((told, ".mp4"), (tmp_path / "b.mp4", ".mkv")):
        film = footage.look(source)
        target = tmp_path / f"b{suffix}"
        films.join(film, list(footage.frames(film)), target, cut=1)
        with av.open(str(target)) as container:
            [stream] = (s for s in container.streams.subtitles if s.codec_context)
            assert stream.metadata["language"] == "dut"
            said = [x for x in container.demux(stream) if x.size > 2]
            assert [bytes(x).strip(b"\0\t") for x in said] == [
                b"Goedendag",
                b"Tot ziens",
            ]
            times = [x.pts * x.time_base for x in said]
            assert times == pytest.approx([0.1, 0.5], abs=0.06)
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b"<i>Zo</i> {\\an8}is het", b"Zo is het"),
        (b"1 < 2, {3}", b"1 < 2, {3}"),
        (b"x" * 70_000, None),
    ],
)
def test_how_words_look_is_left_out(text: bytes, plain: bytes | None) -> None:
    made = tracks._to_mp4(text)
    assert made == b"" if plain is None else tracks._from_mp4(made) == plain
    wide = b"\0\6" + "ja".encode("utf-16")
    assert tracks._from_mp4(wide + b"\0\0\0\x0cstyl") == b"ja"


def test_a_kind_that_nobody_knows_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As Teletext of European broadcasts, which FFmpeg has no decoder for."""
    strange = [
        SimpleNamespace(index=i, type=kind, codec_context=None)
        for i, kind in enumerate(("audio", "subtitle"))
    ]
    streams = SimpleNamespace(audio=strange[:1], subtitles=strange[1:])
    source = SimpleNamespace(streams=streams)
    assert tracks.lay(source, None, Path("a.ts"), ".mp4") == {}
    assert [record.getMessage() for record in caplog.records] == [
        f"a.ts: its {what} of an unknown kind cannot be kept"
        for what in ("sound", "subtitles")
    ]


def test_chapters_are_counted_from_the_beginning_and_lie_in_the_film(
    caplog: pytest.LogCaptureFixture,
) -> None:
    base = Fraction(1, 10)
    given = [(-20, -10), (-5, 5), (5, 8), (8, 7), (6 * 10**18, 7 * 10**18)]
    chapters = [{"start": a, "end": b, "time_base": base, "id": a} for a, b in given]
    source = SimpleNamespace(chapters=lambda: chapters)
    kept = list(reel._chapters(source, Fraction(-1, 2), Path("a.nut")))
    assert [(x["start"], x["end"], x["id"]) for x in kept] == [(0, 10, -5), (10, 13, 5)]
    told = [record.getMessage() for record in caplog.records]
    assert told == ["a.nut: a chapter that lies outside of it is left out"] * 3


@pytest.mark.parametrize(
    ("name", "sound", "suffix"),
    [
        ("a.avi", "wmav2", ".mkv"),
        ("a.avi", "wmav2", ".mov"),
        ("a.mkv", "flac", ".mov"),
        ("a.mkv", "pcm_s16le", ".mp4"),
    ],
)
def test_sound_that_a_container_does_not_take_is_kept_without_loss(
    tmp_path: Path, name: str, sound: str, suffix: str
) -> None:
    source = films.make(tmp_path / name, films.grainy(2), sound=sound)
    film = footage.look(source)
    target = tmp_path / f"b{suffix}"
    films.join(film, list(footage.frames(film)), target, cut=1)
    before, after = films.sound(source), films.sound(target)
    assert len(before) > 40_000
    assert len(before) == len(after)
    assert abs(before - after).max() <= 1 / 32768
