"""3x3 convolutions with 4 times fewer multiplications (arXiv 1509.09308, F(4x4)).

XLA multiplies as often as the definition of a convolution says on a CPU. Here each 4x4
square of the output costs 36 multiplications per pair of channels in place of 144, at
the price of sums and of kernels four times as large: it pays from some dozen channels
and a thousand pixels on, or fewer where the kernels are transformed beforehand. The
result is the same up to rounding; so are the gradients, made with as few.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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
_OUT, _IN = len(_A), len(_B)  # sides of a square of the output and of what it sees
# Both ways at once: of a kernel, 9 to 36; of products, 36 to a square.
_GG, _AA = (np.kron(m, m).astype(np.float32) for m in (_G, _A))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c f"], dilation: int = 1
) -> Float[Array, "b h w f"]:
    """The convolution, zeros outside the picture; reverse mode only."""
    result: jax.Array = lax.platform_dependent(
        x,
        kernel,
        cpu=lambda x, kernel: winograd(x, transform(kernel), dilation),
        default=functools.partial(_definition, dilation),
    )
    return result


def _definition(dilation: int, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


def _forward(x: jax.Array, kernel: jax.Array, dilation: int) -> Any:
    return convolve(x, kernel, dilation), (x, kernel)


def _backward(dilation: int, kept: tuple[jax.Array, jax.Array], g: jax.Array) -> Any:
    def default(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        return jax.vjp(functools.partial(_definition, dilation), x, kernel)[1](g)

    def cpu(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        # Of x: a convolution too, of g, with each tap on the other side.
        of_x = winograd(g, transform(kernel, _GG[:, ::-1]), dilation, axis=2)
        of_kernel = jax.linear_transpose(
            lambda kernel: winograd(x, transform(kernel), dilation), kernel
        )(g)
        return of_x, *of_kernel

    return lax.platform_dependent(*kept, g, cpu=cpu, default=default)


convolve.defvjp(_forward, _backward)


def transform(
    kernel: Float[Array, "3 3 c f"], matrix: np.ndarray = _GG
) -> Float[Array, "36 c f"]:
    """What squares of the picture are multiplied by."""
    taps = kernel.astype(jnp.float32).reshape(9, -1)
    return (jnp.asarray(matrix) @ taps).reshape(-1, *kernel.shape[2:])


def winograd(
    x: Float[Array, "b h w c"],
    transformed: Float[Array, "36 i o"],
    dilation: int = 1,
    axis: int = 1,
) -> Float[Array, "b h w f"]:
    """The convolution, zeros outside the picture; `dilation` pixels between taps.

    In float32 whatever `x` is: large terms cancel in its sums.

    Args:
        x: c channels.
        transformed: by `transform`.
        dilation: pixels from tap to tap.
        axis: of `transformed` that is summed over; 2 leads from f channels to c.
    """
    b, h, w, c = x.shape
    d, f = dilation, transformed.shape[3 - axis]
    # A dilated convolution is a plain one on each of the d x d interleaved pictures:
    # row (4 r + i) d + q of x is row i of square r of picture q.
    rows, columns = -(-h // (_OUT * d)), -(-w // (_OUT * d))  # of squares in each
    height, width = _OUT * d * rows, _OUT * d * columns
    below, right = height - h + 4 * d, width - w + 4 * d
    seen = jnp.pad(x.astype(jnp.float32), ((0, 0), (d, below), (d, right), (0, 0)))

    def row(i: int) -> jax.Array:
        part = seen[:, d * i : d * i + height]
        return part.reshape(b, rows, _OUT * d, -1, c)[:, :, :d]

    lines = jnp.stack(_times(_B, [row(i) for i in range(_IN)]))

    def column(j: int) -> jax.Array:
        part = lines[..., d * j : d * j + width, :]
        return part.reshape(_IN, b, rows, d, columns, _OUT * d, c)[..., :d, :]

    squares = jnp.stack(_times(_B, [column(j) for j in range(_IN)]), axis=1)
    products = lax.dot_general(
        squares.reshape(_IN * _IN, -1, c),
        transformed,
        (((2,), (axis,)), ((0,), (0,))),
    )
    y = (jnp.asarray(_AA) @ products.reshape(_IN * _IN, -1)).reshape(
        _OUT, _OUT, b, rows, d, columns, d, f
    )
    y = y.transpose(2, 3, 0, 4, 5, 1, 6, 7).reshape(b, height, width, f)
    return y[:, :h, :w].astype(x.dtype)


def _times(
    matrix: Sequence[Sequence[int]], vector: Sequence[jax.Array]
) -> list[jax.Array]:
    """Sums of arrays, without the products by 0 and 1."""

    def one(factors: Sequence[int]) -> jax.Array:
        pairs = zip(factors, vector, strict=True)
        return functools.reduce(
            jnp.add, (a if n == 1 else n * a for n, a in pairs if n)
        )

    return [one(factors) for factors in matrix]
