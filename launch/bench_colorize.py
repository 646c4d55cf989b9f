"""From file to coloured file, beside PyTorch as its users write it.

    python -m launch.bench colorize --photos=DIR [--most=N]

Two networks run: zhang with random weights, beside `torch_colorize`, and the bundled
network. Files are read and JPEGs (quality 95) are written. colorflax does more than the
other: colours follow edges, chroma is fitted into sRGB, and metadata and provenance are
written.

Prints for each the time for one photograph of 12 megapixels, warm; the time of the
whole command with what was compiled before (cold); the photographs a second of a folder
of several sizes; and how far the luminance of the outputs is from the photographs'.
"""

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from colorflax import checkpoint, config, predict
from colorflax.control.order import Wish
from colorflax.data.photographs import Photographs
from colorflax.errors import UserError
from colorflax.predict import Colorizer
from colorflax.training import assemble, steps
from colorflax.workshop.studio import Studio
from configs import zhang
from launch import torch_colorize
from launch.pictures import few, photos
from launch.timing import interleave, report

_LARGE = 4000, 3000  # px
_SIDES = 640, 800, 1024, 1280, 1600, 2048  # px, longest, of the folder
_COMMANDS = 3  # runs of a command, of which the median counts
_COMPARED = 100, 2e6  # photographs whose luminance is compared, and pixels of each


def bench_colorize(rounds: int) -> None:
    """Time one photograph, one command and one folder; and look at luminance."""
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "the colorize benchmark compares with PyTorch: pip install torch"
        )
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        large = root / "large.jpg"
        photos()[0].open().resize(_LARGE, Image.Resampling.LANCZOS).save(
            large, quality=95
        )
        many = _folder(few(), root / "many")
        for name, run in (("zhang", _untrained(root / "run")), ("default", None)):
            colorizer = predict.load(run)
            studio = Studio(colorizer, Wish(format="jpg"))
            _time(name, studio, large, rounds)
            cold = _command(run, root / "out", large)
            print(f"  the command, file to file, {cold:.2f} s")
            took = _command(run, root / "out", root / "many")
            print(
                f"  the command for {many} of {len(_SIDES)} sizes, {took:.2f} s: "
                f"{many / took:.2f} photographs/s",
                flush=True,
            )
        _compare(colorizer, few())


def _time(name: str, studio: Studio, large: Path, rounds: int) -> None:
    content = large.read_bytes()
    contestants: dict[str, Callable[[], object]] = {
        "colorflax": lambda: studio.one(content, large.name)
    }
    if name == "zhang":
        contestants["PyTorch"] = torch_colorize.coloured(content)
    seconds = interleave(contestants, rounds)
    report(f"{name}, a photograph of 12 megapixels, warm", seconds)


def _untrained(workdir: Path) -> Path:
    """A checkpoint of zhang as it begins."""
    values = zhang.get_config()
    settings = config.parse(values)
    run = assemble.assemble(settings, workdir)
    state = steps.lane(run.task, "jit", 0).init(next(run.evaluation_batches()))
    checkpoints = checkpoint.Checkpoints(workdir, run.about, keep=1)
    checkpoints.save(1, state, score=None)
    checkpoints.close()
    return workdir


def _command(run: Path | None, out: Path, name: Path) -> float:
    """Median seconds of the whole command, after one that compiled."""
    command = [
        sys.executable, "-m", "colorflax.colorize", f"--out={out}", "--format=jpg",
        "--overwrite", *([f"--checkpoint={run}"] if run else []), str(name),
    ]  # fmt: skip
    seconds = []
    for _ in range(1 + _COMMANDS):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True)
        seconds.append(time.perf_counter() - start)
        if done.returncode:
            raise UserError(done.stderr.decode().strip())
    return statistics.median(seconds[1:])


def _folder(photos: Photographs, root: Path) -> int:
    """Photographs of several sizes; how many."""
    root.mkdir()
    for i, photo in enumerate(photos):
        image = photo.open()
        scale = _SIDES[i % len(_SIDES)] / max(image.size)
        w, h = (max(1, round(side * scale)) for side in image.size)
        image.resize((w, h), Image.Resampling.LANCZOS).save(
            root / f"{i}.jpg", quality=95
        )
    return len(photos)


def _compare(colorizer: Colorizer, photos: Photographs) -> None:
    """How far L of photographs is, at most, from L of what they become in 8 bits."""
    most, pixels = _COMPARED
    worst = []
    for photo in photos[: int(most)]:
        image = photo.open()
        scale = max(1.0, (image.width * image.height / pixels) ** 0.5)
        rgb = np.asarray(image.resize([round(x / scale) for x in image.size]))
        worst.append(float(np.abs(_lightness(rgb) - _lightness(colorizer(rgb))).max()))
    print(
        f"L of {len(worst)} photographs as they are, reduced to 2 megapixels: at most "
        f"{255 * max(worst):.3f}/255 from what it was (median "
        f"{255 * statistics.median(worst):.3f}/255)"
    )


_LINEAR = np.array(
    [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
     for x in np.arange(256) / 255], np.float32,
)  # fmt: skip


def _lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE lightness of uint8 sRGB, 0 to 1: by a table, for that takes no time."""
    r, g, b = np.moveaxis(rgb, -1, 0)
    Y = 0.2126729 * _LINEAR[r] + 0.7151522 * _LINEAR[g] + 0.0721750 * _LINEAR[b]
    cube = np.where(Y > 216 / 24389, np.cbrt(Y), (24389 / 27 * Y + 16) / 116)
    return 1.16 * cube - 0.16
