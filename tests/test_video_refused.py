"""The command for films says in a line what it does not do, and does the rest."""

import resource
import subprocess
import sys
from pathlib import Path

import commands
import compiling
import films
import numpy as np
import pytest
import runs

from colorflax.workshop import programme

ENV = compiling.devices(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return films.make(path, films.grainy(3), sound="aac", crf="4")


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return commands.run("colorflax.video", *arguments, env=ENV)


def test_two_films_of_one_name(run: Path, film: Path, tmp_path: Path) -> None:
    """The second is told, and the others are coloured; one named twice is once."""
    (tmp_path / "link").symlink_to(film.parent)
    again, other = tmp_path / "link" / film.name, tmp_path / "film.m4v"
    other.write_bytes(film.read_bytes())
    out = tmp_path / "out"
    done = _command(f"--checkpoint={run}", f"--out={out}", film, again, other)
    assert done.returncode == 1
    assert done.stdout == f"{film} -> {out / 'film.mp4'}\n"
    [line] = done.stderr.splitlines()
    assert f"{other} would become the same file as {film}; colour it by" in line


def test_folders_and_patterns(run: Path, film: Path, tmp_path: Path) -> None:
    """Folders keep their tree; a second time, and with --out inside, nothing is new."""
    reels = tmp_path / "reels"
    (reels / "a").mkdir(parents=True)
    for place in ("a/one.MP4", "two.avi", "notes.txt", ".hidden.mp4"):
        (reels / place).write_bytes(film.read_bytes())
    out = reels / "out"
    command = [f"--checkpoint={run}", f"--out={out}", reels, tmp_path / "*" / "t*.avi"]
    done = _command(*command)
    assert done.returncode == 0, done.stderr
    one, two = f"{reels / 'a' / 'one.MP4'}", f"{reels / 'two.avi'}"
    made = [f"{one} -> {out / 'a' / 'one.mp4'}", f"{two} -> {out / 'two.mkv'}"]
    assert done.stdout.splitlines() == made
    assert "1 passed over, not named like films (.txt)" in done.stderr
    again = _command(*command)
    assert again.stdout.splitlines() == [f"{line} (done before)" for line in made]
    assert sorted(x.name for x in out.rglob("*") if x.is_file()) == [
        "one.mp4", "two.mkv",
    ]  # fmt: skip


def test_each_film_once(tmp_path: Path) -> None:
    """By whichever name, and where case does not count in the names of files."""
    (tmp_path / "a").mkdir()
    for name in ("a/one.avi", "TWO.avi", "two.mkv"):
        (tmp_path / name).touch()
    (tmp_path / "three.avi").symlink_to(tmp_path / "a" / "one.avi")
    out = tmp_path / "out"
    names = [str(tmp_path), str(tmp_path / "a" / "one.avi")]
    found = programme.plan(names, out, None)
    assert found.films == {
        out / "TWO.mkv": tmp_path / "TWO.avi",
        out / "a" / "one.mkv": tmp_path / "a" / "one.avi",
    }
    [problem] = found.problems
    assert f"{tmp_path / 'two.mkv'} would become the same file as" in problem


def test_a_folder_without_films(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    done = _command(f"--out={tmp_path / 'out'}", tmp_path / "films")
    assert "films: no film in it (.3gp, " in commands.complaint(done)


def test_a_bad_film_beside_a_good_one(run: Path, film: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.avi"
    bad.write_bytes(b"not a film")
    out = tmp_path / "out"
    done = _command(f"--checkpoint={run}", f"--out={out}", bad, film)
    assert done.returncode == 1
    assert done.stdout == f"{film} -> {out / 'film.mp4'}\n"
    assert len(done.stderr.splitlines()) == 1
    assert "bad.avi: cannot be read (" in done.stderr


def test_colours_that_are_replaced_are_told_once(run: Path, tmp_path: Path) -> None:
    grey = np.array(films.grainy(3)).astype(float)
    vivid = (grey * np.linspace([0.3, 1, 1], [1, 1, 0.3], 96)).astype(np.uint8)
    source = films.make(tmp_path / "vivid.webm.mov", list(vivid))
    done = _command(f"--checkpoint={run}", f"--out={tmp_path / 'out'}", source)
    assert done.returncode == 0
    assert done.stderr.count("has colours, which are replaced") == 1
    assert (tmp_path / "out" / "vivid.webm.mov").is_file()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "name at least one film"),
        (["*.mp4"], "*.mp4: no file matches"),
        (["x.mp4", "--steadiness=nan"], "--steadiness"),
        (["x.mp4", "--likeness=1"], "--likeness is that to a --reference"),
        (["x.mp4", "--checkpoint=nowhere"], "nowhere"),
        (["missing.mp4"], "missing.mp4: cannot be read (No such file or directory)"),
    ],
)
def test_what_is_no_command(tmp_path: Path, arguments: list[str], problem: str) -> None:
    done = _command(f"--out={tmp_path / 'out'}", *arguments)
    assert problem in commands.complaint(done)


def test_a_full_disk_is_one_line(run: Path, film: Path, tmp_path: Path) -> None:
    """Here the system refuses any file of more than 2,000 bytes."""
    code = (
        "import resource, runpy, signal, sys\n"
        "import jax\n"  # which keeps what it compiles
        "jax.config.update('jax_enable_compilation_cache', False)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))\n"
        "runpy.run_module('colorflax.video', run_name='__main__', alter_sys=True)\n"
    )
    words = [film, f"--checkpoint={run}", f"--out={tmp_path / 'out'}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=commands.ROOT, env=ENV, capture_output=True, text=True,
    )  # fmt: skip
    assert "File too large" in commands.complaint(done)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 2000


def test_without_pyav(film: Path) -> None:
    code = (
        "import runpy, sys\n"
        "sys.modules['av'] = None\n"
        "runpy.run_module('colorflax.video', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(film)],
        cwd=commands.ROOT, env=ENV, capture_output=True, text=True,
    )  # fmt: skip
    assert "pip install av" in commands.complaint(done)


def test_colorize_sends_films_here(film: Path, tmp_path: Path) -> None:
    done = commands.run("colorflax.colorize", f"--out={tmp_path}", film, env=ENV)
    assert "colorflax.video" in commands.complaint(done)
