"""Whether a GPU or TPU colours as a CPU does: the same command on both.

    python -m launch.bench platforms --photos=DIR [--most=N] [--checkpoint=RUN]

Each photograph is coloured by `python -m colorflax.colorize`, once on the device that
JAX takes by default and once on the CPU. The results are compared pixel by pixel, by
the channel that differs most.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from absl import flags
from PIL import Image

from colorflax.errors import UserError
from launch import pictures

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "platforms: a run; default: the bundled network"
)


def bench_platforms(rounds: int) -> None:
    """Colour the same photographs twice, and print how far they differ."""
    del rounds  # what is compared comes out the same each time
    if (ours := jax.default_backend()) == "cpu":
        raise UserError("the platforms benchmark compares a GPU or TPU with the CPU")
    photos = pictures.few()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (grey := root / "grey").mkdir()
        for i, photo in enumerate(photos):
            photo.open().convert("L").save(grey / f"{i}.png")
        for platform, chosen in ((ours, None), ("cpu", "cpu")):
            took = _colour(grey, root / platform, chosen)
            print(
                f"{platform}: {len(photos)} photographs in {took:.1f} s, with imports"
            )
        farthest = np.concatenate(
            [_farthest(root / ours / p.name, root / "cpu" / p.name)
             for p in sorted(grey.iterdir())]
        )  # fmt: skip
    same, near = (100 * float((farthest <= n).mean()) for n in (0, 1))
    print(
        f"{len(farthest):,} pixels on {ours} and cpu: {same:.3f}% the same, "
        f"{near:.4f}% within 1/255, the farthest {farthest.max()}/255 apart"
    )


def _colour(grey: Path, out: Path, platform: str | None) -> float:
    # This process has a good part of a GPU's memory to itself.
    env = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    env |= {} if platform is None else {"JAX_PLATFORMS": platform}
    command = [sys.executable, "-m", "colorflax.colorize", f"--out={out}", str(grey)]
    command += [f"--checkpoint={x}"] if (x := _CHECKPOINT.value) else []
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=env)
    if done.returncode:
        raise UserError(done.stderr.decode().strip())
    return time.perf_counter() - start


def _farthest(one: Path, other: Path) -> np.ndarray:
    """Of each pixel, how far apart the two are in the channel that differs most."""
    a, b = (np.asarray(Image.open(path), np.int16) for path in (one, other))
    return np.abs(a - b).max(axis=2).ravel()
