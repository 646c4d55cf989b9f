"""The fusion network of Deep Koalarization (arXiv 1712.03400, section 2)."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from colorflax.models.block import block
from colorflax.models.fuse import Fuse

_ENCODER = (  # of each convolution: features, stride
    ((64, 2), (128, 1)),
    ((128, 2), (256, 1)),
    ((256, 2), (512, 1), (512, 1), (256, 1)),
)


class Fusion(nn.Module):
    """Encoder, a global embedding fused at every position, decoder.

    Eight convolutions take L to 1/8 of its size; the embedding of the whole photograph
    joins there; the decoder returns to `stride`. 6,574,050 parameters with two channels
    at stride 2 and a 1001-long embedding. Sizes that eight does not divide are rounded
    up inside and cropped on the way out.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        stride: 2 as in the paper, or 4, which leaves out the last decoder stage.
        dtype: of the products and of what lies between them; parameters and head are
            float32.
        remat: keep less for the way back, and compute the rest again.
    """

    channels: int
    stride: int = 2
    dtype: DTypeLike = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(
        self,
        L: Float[Array, "b h w 1"],
        embedding: Float[Array, "b e"] | None = None,
        *,
        train: bool = False,
        axis: str | None = None,
    ) -> Float[Array, "b h_s w_s {self.channels}"]:
        """L in [0, 100] -> the head, at ceil(h / stride) x ceil(w / stride)."""
        del train, axis  # nothing here depends on the rest of the batch
        x = L / 50 - 1
        sizes = []  # of the halves, quarters and eighths
        for layers in _ENCODER:
            x = block(self, x, layers)
            sizes.append(x.shape[1:3])
        x = nn.relu(Fuse(256, dtype=self.dtype, name="fuse")(x, embedding))
        x = block(self, x, [(128, 1)])
        half, quarter, _ = sizes
        x = block(self, x, [(64, 1), (64, 1)], quarter)
        if self.stride == 2:
            x = block(self, x, [(32, 1)], half)
        return nn.Conv(self.channels, (3, 3), dtype=jnp.float32, name="head")(x)
