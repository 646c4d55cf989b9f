"""The Inception-v3 of the Frechet Inception Distance: pictures -> 2048 features.

FIDs are told with the network of December 2015 (inception-2015-12-05, Apache 2.0);
those of Keras and torchvision are others, in their numbers and in the last pooling. The
file and its names are those of pytorch-fid, and pictures are resized as there.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, UInt8

from colorflax.pretrained import hosted, pth

_NAME = "pt_inception-2015-12-05-6726825d.pth"
FILE = hosted.Hosted(
    _NAME,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    (f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{_NAME}",),
)

SIDE = 299
"""Px of the pictures that it sees."""

_EPSILON = 1e-3  # of its batch norms

Weights = dict[str, tuple[Float[Array, "y x i o"], Float[Array, " o"]]]
"""By layer: kernel and bias, in which its batch norm is."""


def _mean(x: Array) -> Array:
    return nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)


def _max(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), padding="SAME")


def _halve(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), (2, 2))


def _row(name: str, layers: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i + 1}" for i in range(layers))


def _last(pool: Callable[[Array], Array]) -> tuple[Any, ...]:
    return (
        ("branch1x1",),
        ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
        (*_row("branch3x3dbl", 2), ("branch3x3dbl_3a", "branch3x3dbl_3b")),
        (pool, "branch_pool"),
    )


# Layers are one after the other; those in a tuple of their own beside each other.
_STEM = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", _halve,
    "Conv2d_3b_1x1", "Conv2d_4a_3x3", _halve,
)  # fmt: skip
_FIVES = (
    ("branch1x1",), _row("branch5x5", 2), _row("branch3x3dbl", 3),
    (_mean, "branch_pool"),
)  # fmt: skip
_SEVENS = (
    ("branch1x1",), _row("branch7x7", 3), _row("branch7x7dbl", 5),
    (_mean, "branch_pool"),
)  # fmt: skip
BLOCKS: dict[str, tuple[tuple[Any, ...], ...]] = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), _FIVES),
    "Mixed_6a": (("branch3x3",), _row("branch3x3dbl", 3), (_halve,)),
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), _SEVENS),
    "Mixed_7a": (_row("branch3x3", 2), _row("branch7x7x3", 4), (_halve,)),
    "Mixed_7b": _last(_mean),
    "Mixed_7c": _last(_max),
}
"""Of each its branches, which are joined in this order."""

_STRIDED = {
    "Conv2d_1a_3x3", "Mixed_6a.branch3x3", "Mixed_6a.branch3x3dbl_3",
    "Mixed_7a.branch3x3_2", "Mixed_7a.branch7x7x3_4",
}  # fmt: skip
_WITHOUT_EDGE = _STRIDED | {"Conv2d_2a_3x3", "Conv2d_4a_3x3"}


def load() -> Weights:
    """Its weights, downloaded once.

    Raises:
        UserError: they cannot be had.
    """
    path = hosted.fetch(FILE, f"save it from another machine as {FILE.path}")
    return folded(pth.read(path))


def folded(tensors: pth.Tensors) -> Weights:
    """What the file says, each batch norm joined with the kernel before it."""
    names = [x.removesuffix(".conv.weight") for x in tensors if "conv.weight" in x]
    weights = {}
    for name in names:
        scale, shift, mean, var = (
            tensors[f"{name}.bn.{leaf}"]
            for leaf in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(var + _EPSILON)
        kernel = tensors[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * factor
        weights[name] = jnp.asarray(kernel), jnp.asarray(shift - mean * factor)
    return weights


def seen(picture: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "299 299 3"]:
    """A picture as the network is shown it: in [0, 1], resized bilinearly.

    Between the four pixels around each point, however much smaller it becomes.
    """
    rows, columns = (_between(n) for n in picture.shape[:2])
    above, below, part = rows
    strips = picture[above] + part[:, None, None] * (
        picture[below].astype(np.float32) - picture[above]
    )
    left, right, part = columns
    found = strips[:, left] + part[:, None] * (strips[:, right] - strips[:, left])
    return (found / 255).astype(np.float32)


@jax.jit
def features(
    weights: Weights, pictures: Float[Array, "b side side 3"]
) -> Float[Array, "b 2048"]:
    """The means of its last maps, of pictures as `seen` gives them."""

    def convolved(x: Array, name: str) -> Array:
        kernel, bias = weights[name]
        strides = (2, 2) if name in _STRIDED else (1, 1)
        padding = "VALID" if name in _WITHOUT_EDGE else "SAME"
        x = jax.lax.conv_general_dilated(
            x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision="highest",
        )  # fmt: skip
        return nn.relu(x + bias[None, None, None])

    def through(x: Array, layers: Iterable[Any], within: str = "") -> Array:
        for layer in layers:
            if isinstance(layer, tuple):
                beside = [through(x, (one,), within) for one in layer]
                x = jnp.concatenate(beside, axis=-1)
            else:
                x = layer(x) if callable(layer) else convolved(x, within + layer)
        return x

    x = through(2 * pictures - 1, _STEM)
    for name, branches in BLOCKS.items():
        joined = [through(x, branch, f"{name}.") for branch in branches]
        x = jnp.concatenate(joined, axis=-1)
    return x.mean(axis=(1, 2))


def _between(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of the pixels seen the two of `n` around it, and how far along it is."""
    place = np.clip((np.arange(SIDE) + 0.5) * n / SIDE - 0.5, 0, n - 1)
    before = np.floor(place).astype(int)
    return before, np.minimum(before + 1, n - 1), (place - before).astype(np.float32)
