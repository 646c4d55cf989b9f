"""Residual blocks (arXiv 1512.03385) of two 3x3 convolutions."""

from collections.abc import Callable

from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from colorflax.models.conv import Conv


class Residual(nn.Module):
    """Two 3x3 convolutions, normalised, added to what they were given."""

    features: int
    stride: int
    norm: Callable[..., nn.Module]
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], share: Float[Array, "b 1 1 1"] | None = None
    ) -> Float[Array, "b h_s w_s f"]:
        """`share`, where there is one, multiplies what the block adds."""

        def conv(size: int, stride: int) -> nn.Conv:
            return Conv(
                self.features, (size, size), stride, use_bias=False, dtype=self.dtype
            )

        y = nn.relu(self.norm()(conv(3, self.stride)(x)))
        # At first the block passes on what it was given (arXiv 1706.02677).
        y = self.norm(scale_init=nn.initializers.zeros)(conv(3, 1)(y))
        if share is not None:
            y = y * share
        if x.shape != y.shape:
            x = self.norm()(conv(1, self.stride)(x))
        return nn.relu(x + y)
