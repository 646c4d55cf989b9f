"""Pictures between a network's strides: nearest, mean and bilinear, any size."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Size = tuple[Any, ...]
"""Numbers; or symbols, where one program is traced for every size."""


def repeat(
    x: Float[Array, "b h w c"], factor: int, size: Size
) -> Float[Array, "b h2 w2 c"]:
    """Nearest-neighbour enlargement by `factor`, cropped to `size` = (h2, w2)."""
    x = jnp.repeat(jnp.repeat(x, factor, axis=1), factor, axis=2)
    return x[:, : size[0], : size[1]]


def bilinear(
    x: Float[Array, "b h w c"], factor: int, size: Size
) -> Float[Array, "b h2 w2 c"]:
    """Bilinear enlargement by `factor`, cropped to `size` = (h2, w2)."""
    b, h, w, c = x.shape
    x = jax.image.resize(x, (b, h * factor, w * factor, c), "bilinear")
    return x[:, : size[0], : size[1]]


def pool(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b h_s w_s c"]:
    """Mean of `factor` x `factor` blocks; the edge is repeated to fill the last."""
    b, h, w, c = x.shape
    x = jnp.pad(x, ((0, 0), (0, -h % factor), (0, -w % factor), (0, 0)), mode="edge")
    rows, columns = x.shape[1] // factor, x.shape[2] // factor
    return x.reshape(b, rows, factor, columns, factor, c).mean(axis=(2, 4))
