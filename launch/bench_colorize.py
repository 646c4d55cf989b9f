"""From file to coloured file, beside PyTorch as its users write it.

    python -m launch.bench colorize --photos=DIR [--most=N]

The zhang network with random weights on both sides, files in and JPEG (quality 95) out.
Theirs: Pillow, scikit-image's Lab at full size, a forward pass at 256 px, bilinear
enlargement, scikit-image back to sRGB. Ours does more: colours follow edges, chroma is
fitted into sRGB, and metadata and provenance are written.

Prints the warm time of one photograph of 12 megapixels, that of the whole command with
what was compiled before (cold) and for a folder of several sizes, and how far the
luminance of the outputs is from that of the photographs.
"""

import importlib.util
import io
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from PIL import Image

from colorflax import assemble, bins, checkpoint, color, config, steps
from colorflax.data import photographs
from colorflax.data.photographs import Photograph, Photographs
from colorflax.errors import UserError
from colorflax.predict import Colorizer
from colorflax.studio import Studio, Wish
from configs import zhang
from launch import torch_networks
from launch.timing import interleave, report

_LARGE = 4000, 3000  # px
_SIDES = 640, 800, 1024, 1280, 1600, 2048  # px, longest, of the folder
_COMMANDS = 3  # runs of a command, of which the median counts


def bench_colorize(rounds: int) -> None:
    """Time one photograph, one command and one folder; and look at luminance."""
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "the colorize benchmark compares with PyTorch: pip install torch"
        )
    folder = flags.FLAGS["photos"].value
    photos = photographs.folder(Path(folder)) if folder else photographs.builtin()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _untrained(root / "run")
        large = root / "large.jpg"
        photos[0].open().resize(_LARGE, Image.Resampling.LANCZOS).save(
            large, quality=95
        )
        studio = Studio(Colorizer(checkpoint.load(root / "run")), Wish(format="jpg"))
        content = large.read_bytes()
        seconds = interleave(
            {
                "colorflax": lambda: studio.one(content, "large.jpg"),
                "PyTorch": _torch(content),
            },
            rounds,
        )
        report("zhang, a photograph of 12 megapixels, warm", seconds, "colorflax")
        cold = _command(root, [large])
        print(f"  the command, file to file, {cold:.2f} s")
        many = _folder(photos, root / "many")
        took = _command(root, [root / "many"])
        print(f"  the command for {many} of {len(_SIDES)} sizes, {took:.2f} s")
        exact = Studio(Colorizer(checkpoint.load(root / "run")), Wish())
        worst = max(_luminance(exact, photo.open()) for photo in _some(photos))
        print(f"  luminance of {many}: at most {worst:.2f}/255 from the photographs'")


def _untrained(workdir: Path) -> None:
    """A checkpoint of zhang as it begins."""
    values = zhang.get_config()
    settings = config.parse(values)
    run = assemble.assemble(settings, workdir)
    state = steps.lane(run.task, "jit", 0).init(next(run.evaluation_batches()))
    checkpoints = checkpoint.Checkpoints(workdir, run.about, keep=1)
    checkpoints.save(1, state, score=None)
    checkpoints.close()


def _torch(content: bytes) -> Any:
    """What the authors' demonstration does, from bytes to bytes."""
    import torch
    from skimage.color import lab2rgb, rgb2lab

    network = torch_networks.zhang().eval()
    centres = torch.from_numpy(np.array(bins.CENTRES, np.float32))

    def run() -> bytes:
        image = Image.open(io.BytesIO(content)).convert("RGB")
        small = np.asarray(image.resize((256, 256), Image.Resampling.BICUBIC))
        L = rgb2lab(np.asarray(image))[..., 0]
        seen = torch.from_numpy(rgb2lab(small)[None, None, ..., 0].astype(np.float32))
        with torch.no_grad():
            shares = network((seen - 50) / 100).softmax(1)
            ab = torch.einsum("bqhw,qc->bchw", shares, centres)
            ab = torch.nn.functional.interpolate(
                ab, size=L.shape, mode="bilinear", align_corners=False
            )
        lab = np.dstack([L, ab[0].permute(1, 2, 0).numpy()])
        pixels = (lab2rgb(lab) * 255).round().clip(0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=95)
        return file.getvalue()

    return run


def _command(root: Path, names: Sequence[Path]) -> float:
    """Median seconds of the whole command, after one that compiled."""
    command = [
        sys.executable, "-m", "colorflax.colorize", f"--checkpoint={root / 'run'}",
        f"--out={root / 'out'}", "--format=jpg", "--overwrite",
    ]  # fmt: skip
    seconds = []
    for _ in range(1 + _COMMANDS):
        start = time.perf_counter()
        done = subprocess.run([*command, *map(str, names)], capture_output=True)
        seconds.append(time.perf_counter() - start)
        if done.returncode:
            raise UserError(done.stderr.decode().strip())
    return statistics.median(seconds[1:])


def _folder(photos: Photographs, root: Path) -> int:
    """Photographs of several sizes; how many."""
    root.mkdir()
    for i, photo in enumerate(some := _some(photos)):
        image = photo.open()
        scale = _SIDES[i % len(_SIDES)] / max(image.size)
        w, h = (max(1, round(side * scale)) for side in image.size)
        image.resize((w, h), Image.Resampling.LANCZOS).save(
            root / f"{i}.jpg", quality=95
        )
    return len(some)


def _some(photos: Photographs) -> list[Photograph]:
    return list(itertools.islice(photos, flags.FLAGS["most"].value))


def _luminance(studio: Studio, image: Image.Image) -> float:
    """Largest difference of the luminance of a photograph and of it in other colours.

    Luminance is the grey that a pixel is in 8 bits, 0 to 255.
    """
    file = io.BytesIO()
    image.save(file, "PNG")
    made = Image.open(io.BytesIO(studio.one(file.getvalue(), "photograph")))
    greys = [_grey(np.asarray(x.convert("RGB"))) for x in (image, made)]
    return float(np.abs(greys[0] - greys[1]).max())


def _grey(rgb: np.ndarray) -> np.ndarray:
    """Each pixel's luminance as the sRGB value of a grey that has it."""
    L = np.asarray(color.rgb_to_lab(rgb))[..., :1]
    lab = np.concatenate([L, np.zeros_like(L), np.zeros_like(L)], axis=-1)
    return 255 * np.asarray(color.lab_to_rgb(lab))[..., 0]
