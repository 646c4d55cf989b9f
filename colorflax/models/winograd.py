"""3x3 convolutions with 4 times fewer multiplications (arXiv 1509.09308, F(4x4)).

XLA multiplies as often as the definition of a convolution says on a CPU. Here each 4x4
square of the output costs 36 multiplications per pair of channels in place of 144, at
the price of sums and of kernels four times as large: it pays from some hundred
channels and some thousand pixels on, or some ten where the kernels are transformed
beforehand. The result is the same up to rounding.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import export, lax
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
_PIXELS = 4096  # fewer of the output are not worth transforming the kernels for
_OUT, _IN = len(_A), len(_B)  # sides of a square of the output and of what it sees

COLLECTION = "winograd"  # of variables: kernels transformed

Matrix = Sequence[Sequence[int | float]]
Grid = list[list[jax.Array]]


class Convolve(nn.Module):
    """Computes an `nn.Conv`, as its `conv_general_dilated_cls`, for inference.

    Only for 3x3 kernels at stride 1 that keep the size of the picture, dilated or not.
    On a CPU it takes kernels that `prepared` has transformed, or transforms them on the
    spot where pixels enough are to follow; else the plain convolution stays.
    """

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c f"],
        *args: Any, **how: Any,
    ) -> Float[Array, "b h w f"]:  # fmt: skip
        """As `lax.conv_general_dilated`."""
        dilation: int = how["rhs_dilation"][0]
        if self.is_mutable_collection(COLLECTION) and not self.is_initializing():
            self.variable(COLLECTION, "kernel", transform, kernel)
        plain: Callable[..., jax.Array] = functools.partial(
            lax.conv_general_dilated, window_strides=(1, 1),
            padding=((dilation, dilation),) * 2, **how,
        )  # fmt: skip
        if self.has_variable(COLLECTION, "kernel"):
            return winograd(x, self.get_variable(COLLECTION, "kernel"), dilation)
        # A program for every size of picture is one for every machine too.
        anywhere = any(export.is_symbolic_dim(side) for side in x.shape[:3])
        if anywhere or math.prod(x.shape[:3]) < _PIXELS:
            return plain(x, kernel)
        result: jax.Array = lax.platform_dependent(
            x, kernel, default=plain,
            cpu=lambda x, kernel: winograd(x, transform(kernel), dilation),
        )  # fmt: skip
        return result


def prepared(model: nn.Module, variables: Any, *inputs: Any) -> Any:
    """`variables` of a network and, on a CPU, its kernels transformed: once for all.

    They take four times the memory of those that they stand for, and are good for any
    size of picture, not only that of `inputs`. Networks that have any say so by a
    `prepares`: to trace the others for nothing would take a while.
    """
    if jax.default_backend() != "cpu":
        return variables

    def transformed(variables: Any, *inputs: Any) -> Any:
        return model.apply(variables, *inputs, mutable=[COLLECTION])[1]

    return {**variables, **jax.jit(transformed)(variables, *inputs)}


def transform(kernel: Float[Array, "3 3 c f"]) -> Float[Array, "36 c f"]:
    """What squares of the picture are multiplied by."""
    kernel = kernel.astype(jnp.float32)
    taps = [[kernel[i, j] for j in range(3)] for i in range(3)]
    return jnp.stack([u for row in _both(_G, taps) for u in row])


def winograd(
    x: Float[Array, "b h w c"], transformed: Float[Array, "36 c f"], dilation: int = 1
) -> Float[Array, "b h w f"]:
    """The convolution, zeros outside the picture; `dilation` pixels between taps.

    In float32 whatever `x` is: large terms cancel in its sums.
    """
    dtype, x = x.dtype, x.astype(jnp.float32)
    b, h, w, c = x.shape
    d, m, f = dilation, _OUT, transformed.shape[-1]
    # A dilated convolution is a plain one on each of the d x d interleaved pictures:
    # row (m r + i) d + q of x is row i of square r of picture q.
    rows, columns = -(-h // (m * d)), -(-w // (m * d))  # of squares in each
    height, width = m * d * rows, m * d * columns
    x = jnp.pad(x, ((0, 0), (d, height - h + 4 * d), (d, width - w + 4 * d), (0, 0)))

    def pixel(i: int, j: int) -> jax.Array:
        """Pixel (i, j) of what each square sees."""
        seen = x[:, d * i : d * i + height, d * j : d * j + width]
        seen = seen.reshape(b, rows, m * d, columns, m * d, c)
        return seen[:, :, :d, :, :d].reshape(-1, c)

    pixels = [[pixel(i, j) for j in range(_IN)] for i in range(_IN)]
    products = lax.dot_general(
        jnp.stack([v for row in _both(_B, pixels) for v in row]),
        transformed,
        (((2,), (1,)), ((0,), (0,))),
    ).reshape(_IN, _IN, b, rows, d, columns, d, f)
    squares = _both(_A, [[products[i, j] for j in range(_IN)] for i in range(_IN)])
    y = jnp.stack([jnp.stack(row, axis=4) for row in squares], axis=2)
    # b, rows, m, d, columns, m, d, f
    return y.reshape(b, height, width, f)[:, :h, :w].astype(dtype)


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
