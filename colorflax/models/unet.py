"""A U-Net of residual blocks with a vector of the whole photograph: our own network."""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key

from colorflax.models.dropout import Dropout
from colorflax.models.fuse import Fuse
from colorflax.models.residual import Residual
from colorflax.resample import repeat

_WIDTHS = (96, 192, 320)  # at strides 4, 8 and 16
_BLOCKS = 2  # on each way at each stride
_VECTOR = 256


class UNet(nn.Module):
    """Down to 1/16, one vector of all that is there, and up to a quarter again.

    Where the classic networks have plain convolutions, this one has residual blocks
    (arXiv 1512.03385) with batch norm, and adds to the way up what it saw at the same
    size on the way down (arXiv 1505.04597 concatenates). As in `Fusion`, a vector says
    at every position what the photograph as a whole is; here it comes from the mean
    over the lowest grid, so it is learnt, and any size will do. Nearly all of the work
    is done at strides of 4 and more, for finer pixels decide few colours.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        dtype: of the products and of what lies between them; parameters and head are
            float32.
        remat: keep less for the way back, and compute the rest again.
        dropout: share of what training leaves out, by photograph: blocks (of which
            then only what they were given goes on), channels of the lowest grid, and
            numbers of the vector. The finest grid keeps all of its channels.
    """

    channels: int
    dtype: DTypeLike = jnp.float32
    remat: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        L: Float[Array, "b h w 1"],
        embedding: Float[Array, "b e"] | None = None,
        *,
        train: bool = False,
        axis: str | None = None,
        keys: Key[Array, " b"] | None = None,
    ) -> Float[Array, "b h_4 w_4 {self.channels}"]:
        """L in [0, 100] -> the head, at ceil(h / 4) x ceil(w / 4).

        `keys` decide what is left out; without them nothing is.
        """
        del embedding  # it learns its own
        drop = Dropout(keys, self.dropout)
        norm = functools.partial(
            nn.BatchNorm,
            use_running_average=not train,
            axis_name=axis,
            momentum=0.9,
            dtype=self.dtype,
        )
        kind = nn.remat(Residual) if self.remat else Residual

        def blocks(name: str, x: Array, features: int, stride: int) -> Array:
            for i in range(_BLOCKS):
                step = stride if i == 0 else 1
                block = kind(features, step, norm, self.dtype, name=f"{name}_{i + 1}")
                x = block(x, drop.branch(x))
            return x

        x = L / 50 - 1
        x = nn.relu(nn.Conv(32, (3, 3), 2, dtype=self.dtype, name="stem")(x))
        seen = []
        for n, width in enumerate(_WIDTHS):
            x = blocks(f"down_{4 << n}", x, width, 2)
            seen.append(x)
        vector = nn.Dense(_VECTOR, dtype=self.dtype, name="whole_1")(x.mean((1, 2)))
        vector = drop.channels(nn.relu(vector))
        vector = nn.Dense(_VECTOR, dtype=self.dtype, name="whole_2")(vector)
        vector = drop.channels(nn.relu(vector))
        x = drop.channels(x)
        x = nn.relu(Fuse(_WIDTHS[-1], dtype=self.dtype, name="fuse")(x, vector))
        for n in reversed(range(len(_WIDTHS) - 1)):
            before, width = seen[n], _WIDTHS[n]
            x = nn.Dense(width, dtype=self.dtype, name=f"narrow_{4 << n}")(x)
            x = repeat(x, 2, before.shape[1:3]) + before
            x = blocks(f"up_{4 << n}", x, width, 1)
        return nn.Dense(self.channels, dtype=jnp.float32, name="head")(x)
