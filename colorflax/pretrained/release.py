"""The network that the authors of Colorful Image Colorization trained, as ours.

Where their file is, how their names and layouts become those of `models.zhang`, and the
settings under which it colours as they published it (arXiv 1603.08511; PyTorch release
at https://github.com/richzhang/colorization, BSD 2-Clause).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from colorflax import __version__, checkpoint, config, models
from colorflax.color import bins
from colorflax.errors import UserError
from colorflax.pretrained import hosted, pth

_NAME = "colorization_release_v2-9b330a0b.pth"
FILE = hosted.Hosted(
    _NAME,
    "9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9",
    (
        f"https://colorizers.s3.us-east-2.amazonaws.com/{_NAME}",
        "https://github.com/clibdev/colorization/releases/latest/download/"
        "colorization-eccv-16.pth",
    ),
)

PHOTOGRAPHS = "not known here"  # those that it was trained on
SETTINGS = config.Config(
    seed=0,
    model=config.Model(name="zhang", stride=4),
    # The paper decodes at T = 0.38; the released network takes a plain softmax, T = 1,
    # and colours as published only with that.
    objective=config.Objective(
        name="classification", rebalance=0.5, prior="", temperature=1.0, scale=110.0
    ),
    features=config.Features(
        name="none", weights="imagenet", on_missing="error", seed=0
    ),
    data=config.Data(
        source="tfds:imagenet2012", train_split="train", validation_split="",
        validation_percent=10.0, max_bad_percent=5.0, fit="crop", short_side=256,
        size=176, flip=True, threads=16, workers=0,
        augment=config.Augment(),
    ),
    optim=config.Optim(
        learning_rate=3e-5, schedule="step", drops="200000:1e-5,375000:3e-6",
        beta2=0.99, weight_decay=1e-3,
    ),
    train=config.Train(
        steps=450_000, batch_size=40, parallel="jit", log_every=100, eval_every=10_000,
        save_every=1_000, keep=2,
    ),
)  # fmt: skip
"""What the authors ran, as configs/zhang.py:imagenet has it, and how they colour."""


def fetch(file: hosted.Hosted = FILE) -> Path:
    """The authors' file in the cache, downloaded once and checked every time.

    Raises:
        UserError: no mirror gave a file with its SHA-256.
    """
    return hosted.fetch(
        file, "save it from another machine and name it by --weights=FILE"
    )


def convert(weights: Mapping[str, np.ndarray], where: str) -> dict[str, Any]:
    """The authors' names and layouts -> variables of `models.zhang.Zhang`.

    Args:
        weights: their state dictionary, kernels as (out, in, y, x).
        where: names the file in messages.

    Raises:
        UserError: a name is missing, unknown or of another shape, a number is not
            finite, or the last layer is not made of the 313 bin centres.
    """
    left = pth.Left(weights, where)

    def theirs(path: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
        *_, layer, leaf = path
        name = f"{_place(layer)}.{pth.LEAVES[leaf]}"
        if leaf == "mean":  # how many batches made it says nothing more
            left.drop(f"{_place(layer)}.num_batches_tracked")
        if leaf != "kernel":
            return left.take(name, shape)
        y, x, i, o = shape  # of a transposed convolution ours is (y, x, out, in)
        return left.take(name, (o, i, y, x)).transpose(2, 3, 1, 0)

    network = models.build(SETTINGS.model, bins.COUNT)
    shapes = jax.eval_shape(network.init, jax.random.key(0), np.zeros((1, 8, 8, 1)))
    variables = jax.tree_util.tree_map_with_path(
        lambda path, x: theirs(tuple(key.key for key in path), x.shape), shapes
    )
    centres = 110 * left.take("model_out.weight", (2, bins.COUNT, 1, 1))[:, :, 0, 0].T
    if np.abs(centres - bins.CENTRES).max() > 0.01:
        raise UserError(
            f"{where}: model_out.weight is not the 313 bin centres over 110, which is "
            "what a checkpoint of colorflax decodes with"
        )
    left.need_none()
    return dict(variables)


def _place(layer: str) -> str:
    """convI_J, normI or head -> the authors' place of it in their sequences."""
    if layer == "head":
        return "model8.6"
    block, _, number = layer.removeprefix("conv").removeprefix("norm").partition("_")
    if number:  # every convolution is followed by its ReLU
        return f"model{block}.{2 * (int(number) - 1)}"
    return f"model{block}.{4 if block in '12' else 6}"


def publish(source: Path, out: Path) -> None:
    """Convert a file and write it as a checkpoint in the layout of training.

    Raises:
        UserError: as `pth.read` and `convert`, or `out` holds a checkpoint already.
    """
    checkpoint.need_none(out)
    variables = convert(pth.read(source), str(source))
    digest = hosted.digest(source)
    about = {
        "colorflax": __version__,
        "config": SETTINGS.to_dict(),
        "photographs": PHOTOGRAPHS,
        "features": None,
        "published": {
            "file": source.name,
            "sha256": digest,
            "of": "the authors' release" if digest == FILE.sha256 else "somebody else",
            "paper": "arXiv 1603.08511",
        },
    }
    checkpoint.publish(out, SETTINGS.train.steps, variables, about)
