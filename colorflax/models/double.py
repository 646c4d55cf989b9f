"""A transposed convolution that doubles a picture, and that a CPU can learn fast."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float


class Double(nn.Module):
    """`nn.ConvTranspose` of 4x4 at stride 2 with PyTorch's padding of 1.

    Parameters and results are those of the layer of Flax, to rounding.

    Attributes:
        features: of the result.
        kernel_init: fan-in first, as for `nn.ConvTranspose(transpose_kernel=True)`.
        dtype: to compute in; that of the operands if None.
    """

    features: int
    kernel_init: Callable[..., Any] = nn.linear.default_kernel_init
    dtype: Any = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"]
    ) -> Float[Array, "b 2*h 2*w {self.features}"]:
        """Linear."""
        shape = (4, 4, self.features, x.shape[-1])
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        return double(x, kernel) + bias[None, None, None]


def _definition(x: jax.Array, kernel: jax.Array) -> jax.Array:
    # PyTorch's padding of 1: all but the outermost of the full 4x4 result.
    result: jax.Array = lax.conv_transpose(
        x, kernel, (2, 2), ((2, 2), (2, 2)), transpose_kernel=True
    )
    return result


@jax.custom_vjp
def double(
    x: Float[Array, "b h w c"], kernel: Float[Array, "4 4 f c"]
) -> Float[Array, "b 2*h 2*w f"]:
    """The transposed convolution; reverse mode only."""
    return _definition(x, kernel)


def _forward(x: jax.Array, kernel: jax.Array) -> Any:
    return _definition(x, kernel), (x, kernel)


def _backward(kept: tuple[jax.Array, jax.Array], g: jax.Array) -> Any:
    x, kernel = kept
    (of_x,) = jax.linear_transpose(lambda x: _definition(x, kernel), x)(g)

    def plain(x: jax.Array, g: jax.Array) -> jax.Array:
        return jax.linear_transpose(lambda k: _definition(x, k), kernel)(g)[0]

    # XLA's own takes some twenty times as long on a CPU.
    of_kernel = lax.platform_dependent(x, g, cpu=_by_products, default=plain)
    return of_x, of_kernel


def _by_products(
    x: Float[Array, "b h w c"], g: Float[Array, "b 2*h 2*w f"]
) -> Float[Array, "4 4 f c"]:
    """Each tap as one matrix product over all positions."""
    h, w = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))

    def tap(i: int, j: int) -> jax.Array:
        # Of rows 2 y + p of the result, tap 3 - i sees row y + i // 2 + p of x.
        p, q = i % 2, j % 2
        rows, columns = i // 2 + p, j // 2 + q
        seen = x[:, rows : rows + h, columns : columns + w]
        return jnp.einsum("bhwf,bhwc->fc", g[:, p::2, q::2], seen)

    return jnp.stack(
        [jnp.stack([tap(i, j) for j in (3, 2, 1, 0)]) for i in (3, 2, 1, 0)]
    )


double.defvjp(_forward, _backward)
