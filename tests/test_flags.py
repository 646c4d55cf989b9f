"""What is asked in a way that cannot be meant is refused in one line, not guessed."""

import io
import os
import subprocess
import sys
from pathlib import Path

import commands
import compiling
import pytest
import runs
from PIL import Image

from colorflax.picture import read

ENV = compiling.devices(1)


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("bins"), "classification")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("colorize --out= x.jpg", "--out= is empty; give it a value, or leave it out"),
        ("main --config=configs/simple.py --workdir=", "--workdir= is empty; give it"),
        ("main --config= --workdir=x", "name a config, for example"),
        ("colorize --palette= x.jpg", "--palette= is empty; give it"),
        ("published --out=x --weights=", "--weights= is empty; give it"),
        ("colorize --out=a --out=b x.jpg", "--out is given more than once; give one"),
        ("video --out=a --out=b x.mp4", "--out is given more than once; give one"),
        ("colorize --reference=a --reference=b x.jpg", "--reference is given more"),
        ("colorize --report=a --report=b x.jpg", "--report is given more than once"),
        ("colorize --samples=1000000 x.jpg", "not an integer in the range [0, 100]"),
        ("colorize --compare -", "--compare writes more than one picture, and - has"),
        ("colorize --confidence -", "--confidence writes more than one picture"),
        ("colorize --samples=2 -", "or name a file in place of -"),
        ("colorize --out=x -", "--out is about files; leave it out with -"),
    ],
)
def test_one_line(words: str, message: str, tmp_path: Path) -> None:
    module, *flags = words.split()
    if module == "main":  # whose config is in the clone
        flags = [word.replace("configs", f"{commands.ROOT}/configs") for word in flags]
    done = commands.run(f"colorflax.{module}", *flags, env=ENV, cwd=tmp_path)
    assert message in commands.complaint(done)
    assert not list(tmp_path.iterdir())


def test_palettes_are_joined(bins: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.effect_noise((40, 30), 80).save(photo)
    flags = ["--palette=rgb(200, 168, 120),steelblue", "--palette=olive", photo]
    words = f"--checkpoint={bins}", f"--out={tmp_path / 'out'}", *flags
    done = commands.run("colorflax.colorize", *words, env=ENV)
    assert done.returncode == 0, done.stderr
    said = read(tmp_path / "out" / "a.png").metadata.text["Comment"]
    assert "palette=rgb(200,168,120),steelblue,olive" in said


def test_edges_are_true_or_false() -> None:
    """What the command calls off is a text, and so would be true."""
    code = (
        "import colorflax\n"
        "try: colorflax.load(edges='off')\n"
        "except colorflax.UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=commands.ROOT, env=ENV,
    )  # fmt: skip
    assert done.stdout == "edges='off'; take True or False\n"


def test_without_a_cache(bins: Path) -> None:
    """What only saves time is not worth a word."""
    env = {k: v for k, v in ENV.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    image = io.BytesIO()
    Image.effect_noise((40, 30), 80).save(image, "PNG")
    done = subprocess.run(
        [sys.executable, "-m", "colorflax.colorize", f"--checkpoint={bins}", "-"],
        input=image.getvalue(), capture_output=True, cwd=commands.ROOT, check=True,
        env=env | {"COLORFLAX_CACHE": os.devnull},
    )  # fmt: skip
    assert not done.stderr
    assert Image.open(io.BytesIO(done.stdout)).size == (40, 30)
