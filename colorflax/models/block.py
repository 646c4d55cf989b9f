"""Plain convolutions that follow each other at one size of the picture."""

from collections.abc import Sequence
from typing import Any

from flax import linen as nn
from jaxtyping import Array, Float

from colorflax.models.conv import Conv
from colorflax.resample import Size, repeat


def block(
    network: Any,
    x: Float[Array, "b h w c"],
    layers: Sequence[tuple[int, int]],
    size: Size | None = None,
) -> Float[Array, "b h2 w2 f"]:
    """3x3 convolutions, each rectified, that are submodules of `network`.

    Args:
        network: in its compact method. Its `dtype` is that of the products; where its
            `remat` is set, only `x` is kept for the way back and the rest made again.
        x: features.
        layers: features and stride of each convolution.
        size: h and w to which `x` is doubled first, if it is.
    """

    def run(network: Any, x: Array) -> Array:
        if size is not None:
            x = repeat(x, 2, size)
        for features, stride in layers:
            x = nn.relu(Conv(features, (3, 3), stride, dtype=network.dtype)(x))
        return x

    return (nn.remat(run) if network.remat else run)(network, x)
