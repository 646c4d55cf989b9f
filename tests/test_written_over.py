"""What a user names as an output is no file of theirs that would be lost."""

from pathlib import Path

import commands
import compiling
import pytest
from PIL import Image


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.png"
    Image.new("RGB", (8, 8), "red").save(path)
    return path


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (["colorflax.evaluate", "--model=grey"], "--out"),
        (["colorflax.prior", "--source=builtin"], "--out"),
        (["colorflax.colorize", "old.jpg", "--out={}"], "--report"),
    ],
)
def test_a_photograph(command: list[str], flag: str, mine: Path) -> None:
    before = mine.read_bytes()
    words = [word.format(mine.parent / "out") for word in command]
    said = commands.complaint(commands.run(*words, f"{flag}={mine}"))
    assert f"{flag}={mine} is no " in said
    assert mine.read_bytes() == before


@pytest.mark.parametrize("what", ["folder", "link"])
def test_what_is_no_file(what: str, mine: Path) -> None:
    place = mine.parent / what
    if what == "folder":
        place.mkdir()
    else:
        place.symlink_to(mine)
    done = commands.run("colorflax.prior", "--source=builtin", f"--out={place}")
    assert f"--out={place} is a {what}; name another" in commands.complaint(done)


def test_a_strangers_config(mine: Path) -> None:
    theirs = mine.parent / "config.json"
    theirs.write_text("{}")
    done = commands.run(
        "colorflax.main", "--config=configs/simple.py", f"--workdir={mine.parent}",
        env=compiling.devices(1),
    )  # fmt: skip
    assert "holds a config.json that is of no run" in commands.complaint(done)
    assert theirs.read_text() == "{}"


def test_a_strangers_audit(mine: Path) -> None:
    theirs = mine.parent / "audit.csv"
    theirs.write_text("a,b")
    done = commands.run("colorflax.prepare", str(mine), f"--out={mine.parent}")
    assert "holds another audit.csv" in commands.complaint(done)
    assert theirs.read_text() == "a,b"
