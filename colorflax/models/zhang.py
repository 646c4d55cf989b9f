"""The network of Colorful Image Colorization (arXiv 1603.08511, figure 2)."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from colorflax.models.conv import Conv
from colorflax.models.double import Double

_BLOCKS = (  # of each convolution: features, stride, dilation
    ((64, 1, 1), (64, 2, 1)),
    ((128, 1, 1), (128, 2, 1)),
    ((256, 1, 1), (256, 1, 1), (256, 2, 1)),
    ((512, 1, 1),) * 3,
    ((512, 1, 2),) * 3,
    ((512, 1, 2),) * 3,
    ((512, 1, 1),) * 3,
)

# Each ReLU halves the second moment of what it is given, and He's variance doubles it
# again (arXiv 1502.01852): up to four convolutions follow each other without a norm.
_HE = nn.initializers.he_normal()


class Zhang(nn.Module):
    """Seven blocks of convolutions, each ended by a batch norm, and one that enlarges.

    Three convolutions of stride 2 take L to 1/8 of its size; blocks 5 and 6 look around
    further by dilation instead of going on shrinking; block 8 returns to stride 4.
    32,235,385 parameters with 313 channels. Layers are those of the authors' PyTorch
    release, padding included, so that its weights fit (`colorflax.published`). Sizes
    that eight does not divide are rounded up inside and cropped on the way out.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        dtype: of the products and of what lies between them; parameters and head are
            float32.
        remat: keep less for the way back, and compute the rest again.
    """

    channels: int
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
    ) -> Float[Array, "b h_4 w_4 {self.channels}"]:
        """L in [0, 100] -> the head, at ceil(h / 4) x ceil(w / 4).

        Raises:
            ValueError: an embedding is given, which nothing here takes.
        """
        if embedding is not None:
            raise ValueError("Zhang takes no embedding")
        h, w = L.shape[1:3]

        def block(
            network: Zhang, x: jax.Array, i: int, layers: Sequence[tuple[int, ...]]
        ) -> jax.Array:
            for j, (features, stride, dilation) in enumerate(layers, 1):
                # Symmetric at stride 2 too, where SAME would pad one side only.
                x = Conv(
                    features, (3, 3), stride, padding=dilation,
                    kernel_dilation=dilation, kernel_init=_HE, dtype=network.dtype,
                    name=f"conv{i}_{j}",
                )(x)  # fmt: skip
                x = nn.relu(x)
            return nn.BatchNorm(
                use_running_average=not train, momentum=0.9, epsilon=1e-5,
                axis_name=axis if train else None, dtype=network.dtype,
                name=f"norm{i}",
            )(x)  # fmt: skip

        def enlarge(network: Zhang, x: jax.Array) -> jax.Array:
            double = Double(256, kernel_init=_HE, dtype=network.dtype, name="conv8_1")
            x = nn.relu(double(x))
            for j in (2, 3):
                x = Conv(
                    256, (3, 3), padding=1, kernel_init=_HE, dtype=network.dtype,
                    name=f"conv8_{j}",
                )(x)  # fmt: skip
                x = nn.relu(x)
            return x

        if self.remat:
            block = nn.remat(block, static_argnums=(2, 3))
            enlarge = nn.remat(enlarge)
        x = (L - 50) / 100
        for i, layers in enumerate(_BLOCKS, 1):
            x = block(self, x, i, layers)
        x = enlarge(self, x)
        x = nn.Conv(self.channels, (1, 1), dtype=jnp.float32, name="head")(x)
        # Last, because what is cut off still was the context of what stays.
        return x[:, : -(-h // 4), : -(-w // 4)]
