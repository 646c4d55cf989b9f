"""Every command of the README is run, in its order, at a small size.

Colouring is compiled as for a user. Where the fusion network is trained, the smallest
one takes its place, without an embedding.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import commands
import compiling
import films
import pytest

from colorflax.data.photographs import builtin

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SMALL = [
    "--config.train.steps=2", "--config.train.batch_size=4", "--config.data.size=16",
    "--config.data.short_side=16", "--config.data.validation_percent=50",
]  # fmt: skip
PACK = ["--min_side=16", "--short_side=16", "--min_spread=0"]  # hardly photographs
LIGHT = {
    "fusion": ["--config.features.name=none", "--config.model.name=simple"],
    "iizuka": ["--config.model.global_size=16"],
    "lite": [],
    "simple": [],
    "unet": [],
}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _commands() -> list[list[str]]:
    """What is run after setting up: the last of commands joined by &&."""
    lines = "".join(_blocks("sh")).strip().split("\n")
    last = [line.split("&&")[-1].replace(".venv/bin/", "") for line in lines]
    commands = [shlex.split(line) for line in last]
    assert all(command[:2] == ["python", "-m"] for command in commands)
    # The page is served until it is stopped: test_app.py does that.
    skipped = ("pytest", "colorflax.app")
    return [command for command in commands if command[2] not in skipped]


@pytest.fixture(scope="module")
def place(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clone")
    (place / "configs").symlink_to(ROOT / "configs")
    shutil.copytree(photos, place / "photos")
    for i, photo in enumerate(sorted((place / "photos").iterdir())):
        folder = place / "places" / ("forest", "harbour")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    shutil.copy(builtin()[0].read().picture, place / "old.jpg")
    films.make(place / "old.mp4", films.grainy(4), sound="aac")
    return place


def _run(command: list[str], place: Path, *, installed: bool = False) -> str:
    """Compiled as for a user if `installed`, or quickly as all other tests."""
    env = compiling.devices(2) | {"PYTHONPATH": str(ROOT)}
    if installed:
        env |= {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
    if command[1] == "-m":
        done = commands.run(*command[2:], env=env, cwd=place)
    else:
        done = subprocess.run(
            [sys.executable, *command[1:]],
            cwd=place, env=env, capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands(place: Path) -> None:
    listed = _commands()
    modules = [command[2] for command in listed]
    assert modules.count("colorflax.main") >= 5
    assert modules.count("colorflax.colorize") >= 2
    for command in listed:
        training = command[2] in ("colorflax.main", "launch.local")
        changes = []
        if training:
            network = re.search(r"configs/(\w+)\.py", " ".join(command))[1]
            changes = [*SMALL, *LIGHT[network]]
        if command[2] == "colorflax.prepare":
            changes = PACK
        if command[2] == "launch.ablate":
            base = [x.replace("--config.", "--config.base.") for x in SMALL]
            changes = [*base, "--config.networks=simple"]
        if command[2] == "launch.study":
            changes = ["--photos=builtin", "--pairs=2", "--practice=1"]
        installed = command[2] == "colorflax.colorize"
        printed = _run([*command, *changes], place, installed=installed)
        assert ("left grey" in printed) == training
    assert (place / "colored" / "old.mp4").is_file()
    assert (place / "runs" / "small" / "table.md").is_file()
    assert (place / "study" / "index.html").is_file()
    assert not (place / "runs" / "hour").exists()  # only asked what it would cost
    assert len(list((place / "colored").glob("*.png"))) == 13 + 12  # compared


def test_python(place: Path) -> None:
    """One block after another; where the last line is a picture, it is looked at."""
    script = ["import math", "from PIL import Image"]
    for block in _blocks("python"):
        *lines, last = block.strip().split("\n")
        script += lines
        if last.startswith("colorizer("):
            size = "Image.open('old.jpg').size"
            script.append(f"picture = {last}\nassert picture.size == {size}")
        else:
            script += [last, "assert 0 < loss < math.log(313)"]
    _run(["python", "-c", "\n".join(script)], place)


def test_ci_runs_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in ci
    assert "<!-- tests -->" in README
    assert "-m pytest" in README.split("<!-- tests -->")[1].split("```")[1]
