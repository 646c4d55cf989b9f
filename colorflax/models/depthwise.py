"""Convolutions of each channel by itself (arXiv 1704.04861)."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import export, lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

# Of the result: below it, and without a way back, the sum compiles for longer than it
# saves in the one picture that a command may be about.
_PIXELS = 256


class Depthwise(nn.Module):
    """A kernel for every channel, without a bias.

    Attributes:
        size: of the kernel, on both axes.
        stride: on both axes.
        dtype: of the products; the parameters are float32.
    """

    size: int
    stride: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h_s w_s c"]:
        """As `nn.Conv` with as many groups as channels, zeros outside the picture."""
        kernel = self.param(
            "kernel",
            nn.initializers.lecun_normal(),
            (self.size, self.size, 1, x.shape[-1]),
        )
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        if any(export.is_symbolic_dim(side) for side in x.shape[:3]):
            # A program for every size of picture is one for every machine too.
            return definition(x, kernel, self.stride)
        result: jax.Array = lax.platform_dependent(
            x,
            kernel,
            cpu=functools.partial(taps, stride=self.stride),
            default=functools.partial(definition, stride=self.stride),
        )
        return result


def definition(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"], stride: int
) -> Float[Array, "b h_s w_s c"]:
    """What XLA is told."""
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", feature_group_count=x.shape[-1],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def taps(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"], stride: int
) -> Float[Array, "b h_s w_s c"]:
    """The same as a sum of shifted pictures, which XLA makes one loop of.

    Its own loop over groups takes 20 to 80 times as long on a CPU, and its gradients
    10 to 25 times. Reverse mode only.
    """
    few = math.prod(x.shape[:3]) < _PIXELS * stride**2
    return definition(x, kernel, stride) if few else _sum(x, kernel, stride)


def _sum(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    places = itertools.product(range(len(kernel)), repeat=2)
    seen = _shifted(x, len(kernel), stride)
    products = [seen(i, j) * kernel[i, j][None, None] for i, j in places]
    return functools.reduce(jnp.add, products)


def _forward(x: jax.Array, kernel: jax.Array, stride: int) -> Any:
    return _sum(x, kernel, stride), (x, kernel)


def _backward(stride: int, kept: tuple[jax.Array, jax.Array], g: jax.Array) -> Any:
    x, kernel = kept
    k, seen = len(kernel), _shifted(x, len(kernel), stride)
    if stride == 1:  # the same again, each tap on the other side
        of_x = _sum(g, kernel[::-1, ::-1], 1)
    else:
        of_x = jax.linear_transpose(lambda x: _sum(x, kernel, stride), x)(g)[0]
    # One tap after another: all of these sums at once take longer to compile than the
    # rest of the network.
    of_kernel = lax.map(
        lambda n: jnp.sum(seen(n // k, n % k) * g, axis=(0, 1, 2)), jnp.arange(k * k)
    )
    return of_x, of_kernel.reshape(kernel.shape)


taps.defvjp(_forward, _backward)


def _shifted(x: jax.Array, k: int, stride: int) -> Callable[[Any, Any], jax.Array]:
    """What tap (i, j) of a k x k kernel meets, zeros outside the picture."""
    b, *sides, c = x.shape
    spans = [(-(-side // stride) - 1) * stride + 1 for side in sides]
    lack = [
        max(span + k - 1 - side, 0) for span, side in zip(spans, sides, strict=True)
    ]
    around = [(n // 2, n - n // 2, 0) for n in lack]  # as SAME has it
    padded = lax.pad(x, x.dtype.type(0), [(0, 0, 0), *around, (0, 0, 0)])

    def seen(i: Any, j: Any) -> jax.Array:
        met = lax.dynamic_slice(padded, (0, i, j, 0), (b, *spans, c))
        return met[:, ::stride, ::stride]

    return seen
