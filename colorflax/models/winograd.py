"""3x3 convolutions with 4 times fewer multiplications (arXiv 1509.09308, F(4x4)).

XLA multiplies as often as the definition of a convolution says on a CPU. Here each 4x4
square of the output costs 36 multiplications per pair of channels in place of 144, at
the price of sums and of kernels four times as large: it pays from some hundred
channels and some thousand pixels on. The result is the same up to rounding.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

# The matrices B, G and A of the paper's section 4.3, transposed as they are applied.
_B = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_A = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
_PIXELS = 4096  # fewer of the output are left to the definition
_OUT, _IN = len(_A), len(_B)  # sides of a square of the output and of what it sees

Matrix = Sequence[Sequence[int | float]]
Grid = list[list[jax.Array]]


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c f"], *_: Any, **how: Any
) -> Float[Array, "b h w f"]:
    """In the place of `lax.conv_general_dilated` in `nn.Conv`, for inference.

    Only for 3x3 kernels at stride 1 that keep the size of the picture, dilated or not.
    Where the program runs on anything but a CPU, or has little to do, the plain
    convolution stays.
    """
    b, h, w = x.shape[:3]
    dilation: int = how["rhs_dilation"][0]
    plain: Callable[..., jax.Array] = functools.partial(
        lax.conv_general_dilated, window_strides=(1, 1),
        padding=((dilation, dilation),) * 2, **how,
    )  # fmt: skip
    if b * h * w < _PIXELS:
        return plain(x, kernel)
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
    m = _OUT
    rows, columns = -(-h // (m * d)), -(-w // (m * d))  # of squares in each
    x = jnp.pad(x, ((0, 0), (0, m * d * rows - h), (0, m * d * columns - w), (0, 0)))
    x = x.reshape(b, m * rows, d, m * columns, d, c).transpose(0, 2, 4, 1, 3, 5)
    x = x.reshape(b * d * d, m * rows, m * columns, c)
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pixels = [
        [padded[:, i : i + m * rows : m, j : j + m * columns : m] for j in range(_IN)]
        for i in range(_IN)
    ]
    taps = [[kernel[i, j] for j in range(3)] for i in range(3)]
    products = lax.dot_general(
        jnp.stack([v.reshape(-1, c) for row in _both(_B, pixels) for v in row]),
        jnp.stack([u for row in _both(_G, taps) for u in row]),
        (((2,), (1,)), ((0,), (0,))),
    ).reshape(_IN, _IN, b, d, d, rows, columns, f)
    squares = _both(_A, [[products[i, j] for j in range(_IN)] for i in range(_IN)])
    y = jnp.stack([jnp.stack(row, axis=-2) for row in squares], axis=-4)
    # b, d, d, rows, m, columns, m, f: row m r + i of picture p is row (m r + i) d + p.
    y = y.transpose(0, 3, 4, 1, 5, 6, 2, 7)
    return y.reshape(b, m * d * rows, m * d * columns, f)[:, :h, :w]


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
