"""A way down that has seen ImageNet, and a U-Net's way up: our own network."""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Key

from colorflax.models.depthwise import Depthwise
from colorflax.models.dropout import Dropout
from colorflax.models.fuse import Fuse
from colorflax.models.residual import Residual
from colorflax.resample import repeat

STAGES = {
    0: (
        (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
    ),
    2: (
        (1, 3, 1, 1, 16), (3, 3, 2, 6, 24), (3, 5, 2, 6, 48), (4, 3, 2, 6, 88),
        (4, 5, 1, 6, 120), (5, 5, 2, 6, 208), (1, 3, 1, 6, 352),
    ),
}  # fmt: skip
"""Of EfficientNet-Lite0 and 2 (arXiv 1905.11946, table 1): blocks, size of their
kernels, stride of the first, how many times wider they are inside, features."""

_STEM, _TOP = 32, 1280
_FROZEN = 3  # stages; those below see things, those here only edges
_WIDTHS = (96, 192, 256)  # of the way up, at strides 4, 8 and 16
_BLOCKS = (2, 2, 1)
_VECTOR = 256


class Lite(nn.Module):
    """Down to 1/32 as an EfficientNet-Lite goes, and up to a quarter.

    That network names the things in a photograph, and was made for small machines: no
    squeezing, no swish. Its last features, averaged over the photograph, are the vector
    that joins the way up at stride 16. L stands for all three channels: L / 50 - 1 is
    nearly what a grey sRGB pixel becomes in its scaling.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        encoder_size: of the way down, a key of `STAGES`.
        frozen: train the way down only from stride 16 on: the gradients of the rest of
            it are 0, and the statistics of its norms stay. (Weight decay would move it
            all the same; leave it out there.)
        dtype: of the products and of what lies between them; parameters and head are
            float32.
        remat: keep less for the way back, and compute the rest again.
        dropout: share of what training leaves out, by photograph: blocks (of which
            then only what they were given goes on), channels of the grids of strides
            16 and 32, and numbers of the vector.
    """

    channels: int
    encoder_size: int = 2
    frozen: bool = False
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
        del embedding  # it has its own
        drop = Dropout(keys, self.dropout)
        dense = functools.partial(nn.Dense, dtype=self.dtype)
        norm = functools.partial(nn.BatchNorm, axis_name=axis, dtype=self.dtype)
        moving = functools.partial(norm, use_running_average=not train)
        up = functools.partial(moving, momentum=0.9)
        down = functools.partial(moving, momentum=0.97, epsilon=1e-3)
        still = functools.partial(norm, use_running_average=True, epsilon=1e-3)
        again = nn.remat if self.remat else lambda module: module

        low = still if self.frozen else down
        stem = nn.Conv(_STEM, (3, 3), 2, use_bias=False, dtype=self.dtype, name="stem")
        x = nn.relu6(low(name="stem_norm")(stem(L / 50 - 1)))
        seen, stride = {}, 2
        stages = enumerate(STAGES[self.encoder_size], start=1)
        for s, (blocks, size, step, wider, features) in stages:
            stays = self.frozen and s <= _FROZEN
            stride *= step
            for i in range(1, blocks + 1):
                block = again(_Inverted)(
                    size, step if i == 1 else 1, wider, features,
                    still if stays else down, self.dtype, name=f"lite_{s}_{i}",
                )  # fmt: skip
                x = block(x, None if stays else drop.branch(x))
            # What is frozen needs no way back.
            x = lax.stop_gradient(x) if stays else x
            seen[stride] = x
        top = dense(_TOP, use_bias=False, name="top")(x)
        top = nn.relu6(down(name="top_norm")(top)).mean((1, 2))
        vector = nn.relu(dense(_VECTOR, name="whole_1")(drop.channels(top)))

        width = _WIDTHS[-1]
        side = dense(width, name="side_16")(drop.channels(seen[16]))
        x = dense(width, use_bias=False, name="narrow_32")(drop.channels(x))
        x = nn.relu(repeat(x, 2, side.shape[1:3]) + side)
        fuse = Fuse(width, dtype=self.dtype, name="fuse")
        x = nn.relu(fuse(x, drop.channels(vector)))
        for n in reversed(range(len(_WIDTHS))):
            stride, width = 4 << n, _WIDTHS[n]
            if stride < 16:
                side = dense(width, use_bias=False, name=f"side_{stride}")(seen[stride])
                x = dense(width, name=f"narrow_{stride}")(x)
                x = repeat(x, 2, side.shape[1:3]) + side
            for i in range(1, _BLOCKS[n] + 1):
                block = again(Residual)(
                    width, 1, up, self.dtype, name=f"up_{stride}_{i}"
                )
                x = block(x, drop.branch(x))
        return nn.Dense(self.channels, dtype=jnp.float32, name="head")(x)


class _Inverted(nn.Module):
    """Wider inside than at its ends (arXiv 1801.04381)."""

    size: int
    stride: int
    wider: int
    features: int
    norm: Callable[..., nn.Module]
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], share: Float[Array, "b 1 1 1"] | None = None
    ) -> Float[Array, "b h_s w_s f"]:
        """`share`, where there is one, multiplies what the block adds to `x`."""

        def dense(features: int, name: str) -> nn.Dense:
            return nn.Dense(features, use_bias=False, dtype=self.dtype, name=name)

        y, features = x, x.shape[-1]
        if self.wider != 1:
            y = dense(self.wider * features, "expand")(y)
            y = nn.relu6(self.norm(name="expand_norm")(y))
        y = Depthwise(self.size, self.stride, self.dtype, name="depthwise")(y)
        y = nn.relu6(self.norm(name="depthwise_norm")(y))
        y = self.norm(name="project_norm")(dense(self.features, "project")(y))
        if x.shape != y.shape:
            return y
        return x + (y if share is None else y * share)
