"""The smallest network: plain convolutions that learn one photograph by heart."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from colorflax.models.block import block
from colorflax.resample import repeat

# Of each convolution: features, stride.
_ENCODER = (((8, 2), (8, 1), (16, 1)), ((16, 2), (32, 1)), ((32, 2),))
_DECODER = ((32, 4), (16, 2))  # features, stride after the doubling before them


class Simple(nn.Module):
    """Six convolutions down to 1/8, then nearest-neighbour doublings back up.

    The "alpha" network of the tutorial "Colorizing B&W Photos with Neural Networks"
    (E. Wallner, 2017): 32,202 parameters with two channels at stride 1. Sizes that
    eight does not divide are rounded up inside and cropped on the way out.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        stride: 1 as in the tutorial; 2 or 4 leaves out the last stages of the decoder.
        dtype: of the products and of what lies between them; parameters and head are
            float32.
        remat: keep less for the way back, and compute the rest again.
    """

    channels: int
    stride: int = 1
    dtype: DTypeLike = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(
        self,
        L: Float[Array, "b h w 1"],
        embedding: None = None,
        *,
        train: bool = False,
        axis: str | None = None,
    ) -> Float[Array, "b h_s w_s {self.channels}"]:
        """L in [0, 100] -> the head, at ceil(h / stride) x ceil(w / stride)."""
        del embedding, train, axis  # a photograph's L is all that matters here
        x = L / 50 - 1
        for layers in _ENCODER:
            x = block(self, x, layers)

        h, w = L.shape[1:3]
        for features, stride in _DECODER:
            if stride >= self.stride:
                size = -(-h // stride), -(-w // stride)
                x = block(self, x, [(features, 1)], size)
        if self.stride == 1:
            x = repeat(x, 2, (h, w))
        return nn.Conv(self.channels, (3, 3), dtype=jnp.float32, name="head")(x)
