"""3x3 convolutions with 2.25 times fewer multiplications (arXiv 1509.09308, F(2x2)).

XLA multiplies as often as the definition of a convolution says on a CPU. Here each 2x2
square of the output costs 16 multiplications per pair of channels in place of 36, at
the price of sums: it pays from some hundred channels on. The result is the same up to
rounding.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

# The matrices B, G and A of the paper's section 4.1, transposed as they are applied.
_B = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_G = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_A = ((1, 1, 1, 0), (0, 1, -1, -1))

Matrix = Sequence[Sequence[int | float]]
Grid = list[list[jax.Array]]


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c f"], *_: Any, **how: Any
) -> Float[Array, "b h w f"]:
    """In the place of `lax.conv_general_dilated` in `nn.Conv`, for inference.

    Only for 3x3 kernels at stride 1 that keep the size of the picture, dilated or not.
    Where the program runs on anything but a CPU, the plain convolution stays.
    """
    (dilation, _) = how["rhs_dilation"]
    plain = functools.partial(
        lax.conv_general_dilated, window_strides=(1, 1),
        padding=((dilation, dilation),) * 2, **how,
    )  # fmt: skip
    ours = functools.partial(winograd, dilation=dilation)
    result: jax.Array = lax.platform_dependent(x, kernel, cpu=ours, default=plain)
    return result


def winograd(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c f"], dilation: int = 1
) -> Float[Array, "b h w f"]:
    """The convolution, zeros outside the picture; `dilation` pixels between taps."""
    b, h, w, c = x.shape
    d, f = dilation, kernel.shape[-1]
    # A dilated convolution is a plain one on each of the d x d interleaved pictures.
    rows, columns = -(-h // (2 * d)), -(-w // (2 * d))  # of 2x2 squares in each
    x = jnp.pad(x, ((0, 0), (0, 2 * d * rows - h), (0, 2 * d * columns - w), (0, 0)))
    x = x.reshape(b, 2 * rows, d, 2 * columns, d, c).transpose(0, 2, 4, 1, 3, 5)
    x = x.reshape(b * d * d, 2 * rows, 2 * columns, c)
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pixels = [
        [padded[:, i : i + 2 * rows : 2, j : j + 2 * columns : 2] for j in range(4)]
        for i in range(4)
    ]
    taps = [[kernel[i, j] for j in range(3)] for i in range(3)]
    products = lax.dot_general(
        jnp.stack([v.reshape(-1, c) for row in _both(_B, pixels) for v in row]),
        jnp.stack([u for row in _both(_G, taps) for u in row]),
        (((2,), (1,)), ((0,), (0,))),
    ).reshape(4, 4, b, d, d, rows, columns, f)
    squares = _both(_A, [[products[i, j] for j in range(4)] for i in range(4)])
    y = jnp.stack([jnp.stack(row, axis=-2) for row in squares], axis=-4)
    # b, d, d, rows, 2, columns, 2, f: row 2 r + i of picture p is row (2 r + i) d + p.
    y = y.transpose(0, 3, 4, 1, 5, 6, 2, 7)
    return y.reshape(b, 2 * d * rows, 2 * d * columns, f)[:, :h, :w]


def _both(matrix: Matrix, grid: Grid) -> Grid:
    """matrix @ grid @ matrix^T; sums of arrays, without the products by 0 and 1."""
    half = [
        [_sum(row, [line[j] for line in grid]) for j in range(len(grid))]
        for row in matrix
    ]
    return [[_sum(row, line) for row in matrix] for line in half]


def _sum(factors: Sequence[int | float], arrays: Sequence[jax.Array]) -> jax.Array:
    terms = [
        a if factor == 1 else factor * a
        for factor, a in zip(factors, arrays, strict=True)
        if factor
    ]
    return functools.reduce(jnp.add, terms)
