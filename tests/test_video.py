"""Films by the command: coloured, steady, whole, and gone on with after any end."""

import errno
import os
import signal
import subprocess
from pathlib import Path

import commands
import compiling
import films
import numpy as np
import pytest
import runs
from skimage import color as oracle

from colorflax import footage
from colorflax.control.order import Wish
from colorflax.errors import FullError, Stopped, UserError
from colorflax.painting.prediction import Prediction
from colorflax.picture.pixels import Pixels
from colorflax.workshop import cinema
from colorflax.workshop.cinema import Showing
from colorflax.workshop.studio import Studio, hire

ENV = compiling.devices(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something grey that stands still, with grain and sound.

    128 px wide: of narrower films, x264's macroblock trees (core 165) depend on what
    its memory held before, and the same frames make other bytes now and then.
    """
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return films.make(path, films.grainy(10, w=128), sound="aac", crf="4")


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return commands.run("colorflax.video", *arguments, env=ENV)


def _coloured(
    film: Path, studio: Studio, out: Path, *, seconds: float = 1.0, again: bool = False
) -> tuple[Path, bool]:
    """Where it is, and whether it was there."""
    showing = Showing(steadiness=seconds, quality=8, overwrite=again)
    target = out / "film.mp4"
    return target, cinema.colour(film, target, studio, showing)


def _flicker(path: Path) -> float:
    lab = oracle.rgb2lab(np.array(films.pictures(path)))[..., 1:]
    return float(np.linalg.norm(np.diff(lab, axis=0), axis=-1).mean())


def test_a_film_in_colours(film: Path, tmp_path: Path) -> None:
    """Ours by default: its light, its times, its sound; and said who coloured it."""
    command = (film, f"--out={tmp_path / 'out'}", "--quality=4")
    done = _command(*command)
    target = tmp_path / "out" / "film.mp4"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{film} -> {target}\n"
    assert [p.name for p in target.parent.iterdir()] == ["film.mp4"]
    assert films.times(target) == films.times(film)
    assert films.packets(target)[1] == films.packets(film)[1]
    before, after = (oracle.rgb2lab(films.pictures(p)) for p in (film, target))
    assert np.linalg.norm(after[..., 1:], axis=-1).mean() > 4
    assert abs(before[..., 0] - after[..., 0]).mean() < 1
    said = footage.comment(target)
    assert said.startswith("Colours predicted by colorflax")
    assert "steadiness=1" in said
    stamp = target.stat()
    again = _command(*command)
    assert (again.returncode, again.stdout) == (
        0,
        f"{film} -> {target} (done before)\n",
    )
    other = _command(*command, "--saturation=0.5")
    assert "film.mp4 was coloured otherwise" in commands.complaint(other)
    assert target.stat() == stamp
    over = _command(*command, "--saturation=0.5", "--noprovenance", "--overwrite")
    assert over.returncode == 0
    assert footage.comment(target) == ""
    chroma = oracle.rgb2lab(films.pictures(target))[..., 1:]
    assert abs(chroma).mean() < 0.7 * abs(after[..., 1:]).mean()


def test_steady(film: Path, tmp_path: Path) -> None:
    """What flickers with the grain does so less than half as much, and by default."""
    studio = hire(None, Wish())
    alone, steady = (
        _coloured(film, studio, tmp_path / str(seconds), seconds=seconds)[0]
        for seconds in (0.0, 1.0)
    )
    assert _flicker(steady) < 0.5 * _flicker(alone)


class Painter:
    """A studio's `painted`, which remembers, and at one picture does something."""

    def __init__(self, studio: Studio, at: int | None = None, do: object = None):
        self._painted, self._at, self._do = studio.painted, at, do
        self.pictures: list[Pixels] = []

    def __call__(self, said: Prediction) -> Pixels:
        if len(self.pictures) == self._at and callable(self._do):
            self._do()
        self.pictures.append(self._painted(said))
        return self.pictures[-1]


class Killed(BaseException):
    """As nothing catches it."""


def _kill() -> None:
    raise Killed


@pytest.mark.parametrize("at", [0, 2, 6])
def test_a_killed_command_goes_on(
    run: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """From its last whole piece, in the same colours and the same bytes."""
    monkeypatch.setattr(cinema, "_PIECE", 3)
    studio = hire(str(run), Wish())
    straight, _ = _coloured(film, studio, tmp_path / "straight")
    killed = hire(str(run), Wish())
    monkeypatch.setattr(killed, "painted", Painter(killed, at, _kill))
    with pytest.raises(Killed):
        _coloured(film, killed, tmp_path / "killed")
    rest = Painter(studio)
    monkeypatch.setattr(studio, "painted", rest)
    target, before = _coloured(film, studio, tmp_path / "killed")
    assert not before
    assert len(rest.pictures) == 10 - at // 3 * 3
    np.testing.assert_array_equal(films.pictures(target), films.pictures(straight))
    assert target.read_bytes() == straight.read_bytes()


def test_a_command_that_is_asked_to_stop_loses_no_frame(
    run: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = hire(str(run), Wish())
    whole = Painter(studio)
    monkeypatch.setattr(studio, "painted", whole)
    _coloured(film, studio, tmp_path / "straight")

    def ask() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    stopped = hire(str(run), Wish())
    first = Painter(stopped, 4, ask)
    monkeypatch.setattr(stopped, "painted", first)
    with pytest.raises(Stopped, match=r"stopped after frame (\d) of .* 10;") as raised:
        _coloured(film, stopped, tmp_path / "stopped")
    assert raised.value.code == 75
    done = int(str(raised.value).split("frame ")[1][0])
    assert 3 <= done <= 6
    again = hire(str(run), Wish())
    rest = Painter(again)
    monkeypatch.setattr(again, "painted", rest)
    target, _ = _coloured(film, again, tmp_path / "stopped")
    assert len(rest.pictures) == 10 - done
    assert films.times(target) == films.times(film)
    np.testing.assert_array_equal(
        [*first.pictures[:done], *rest.pictures], whole.pictures
    )


def test_what_is_done_depends_on_all_that_is_asked(
    run: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Pieces of what was coloured otherwise are not put into this one, nor lost."""
    monkeypatch.setattr(cinema, "_PIECE", 3)
    pale = hire(str(run), Wish(saturation=0.2))
    monkeypatch.setattr(pale, "painted", Painter(pale, 6, _kill))
    with pytest.raises(Killed):
        _coloured(film, pale, tmp_path)
    (begun,) = tmp_path.glob(".film.mp4.*.parts")
    studio = hire(str(run), Wish())
    every = Painter(studio)
    monkeypatch.setattr(studio, "painted", every)
    target, _ = _coloured(film, studio, tmp_path)
    assert len(every.pictures) == 10
    assert f"{begun} holds what was begun otherwise" in capsys.readouterr().err
    target.unlink()
    again = hire(str(run), Wish(saturation=0.2))
    rest = Painter(again)
    monkeypatch.setattr(again, "painted", rest)
    _coloured(film, again, tmp_path)
    assert len(rest.pictures) == 4


@pytest.mark.parametrize("comment", ["", "Colours predicted by colorflax 0.1.0"])
def test_a_film_is_not_written_over_itself(
    run: Path, tmp_path: Path, comment: str
) -> None:
    """Where --out is its folder; not even if it is one of ours."""
    film = films.make(tmp_path / "film.mp4", films.grainy(1), comment=comment)
    content = film.read_bytes()
    studio = hire(str(run), Wish())
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"film\.mp4: is not written over; move it"):
            _coloured(film, studio, tmp_path, again=overwrite)
    assert film.read_bytes() == content
    assert os.listdir(tmp_path) == [film.name]


def test_what_comes_while_a_film_is_coloured_stays(
    run: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come() -> None:
        (tmp_path / "film.mp4").write_bytes(b"of somebody else")

    studio = hire(str(run), Wish())
    monkeypatch.setattr(studio, "painted", Painter(studio, 3, come))
    with pytest.raises(UserError, match=r"film\.mp4: is not written over; move it"):
        _coloured(film, studio, tmp_path)
    assert (tmp_path / "film.mp4").read_bytes() == b"of somebody else"


def test_a_full_disk_is_said_of_what_is_written(
    run: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And tried once; what was done is gone on with."""
    monkeypatch.setattr(cinema, "_PIECE", 3)
    studio = hire(str(run), Wish())

    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(studio, "painted", Painter(studio, 6, full))
    with pytest.raises(FullError, match=r"out/film\.mp4: the disk is full; when that"):
        _coloured(film, studio, tmp_path / "out")
    rest = Painter(hire(str(run), Wish()))
    monkeypatch.setattr(studio, "painted", rest)
    _coloured(film, studio, tmp_path / "out")
    assert len(rest.pictures) <= 10 - 3


def test_films_of_others_are_not_written_over(
    run: Path, film: Path, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"of somebody else")
    studio = hire(str(run), Wish())
    with pytest.raises(UserError, match=r"film\.mp4: is not written over; move it"):
        _coloured(film, studio, tmp_path, again=True)
    assert (tmp_path / "film.mp4").read_bytes() == b"of somebody else"
