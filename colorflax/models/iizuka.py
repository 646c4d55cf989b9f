"""The network of "Let there be Color!" (Iizuka et al., SIGGRAPH 2016, section 3)."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from colorflax.models.conv import Conv
from colorflax.models.fuse import Fuse
from colorflax.resample import Size, repeat

# Features in multiples of the narrowest layer, and stride: table 1 of the paper.
_LOW = ((2, 2), (4, 1), (4, 2), (8, 1), (8, 2), (16, 1))
_GLOBAL = ((16, 2), (16, 1), (16, 2), (16, 1))
_MID = ((16, 1), (8, 1))


class Iizuka(nn.Module):
    """Local features and a vector of the whole photograph, learnt together.

    Six convolutions take L to 1/8 of its size. From there one branch keeps its place
    in the picture; another, four convolutions and three products more, becomes a
    vector of 256 numbers. They are fused at every position as in `Fusion`, and a
    decoder returns to `stride`. All but the head is normalised over the batch.

    The products need a grid of fixed size. As in the paper, the global branch sees the
    picture resized to a square, through the same first six layers with the same
    weights; where the picture is that square already, they run once. So the vector
    belongs to the picture and hardly to its resolution. It does belong to all of the
    picture: where edges were padded (`predict` repeats up to a quarter), it has seen
    that.

    The paper ends in a sigmoid over ab scaled to [0, 1]. A regression's tanh over
    [-1, 1] is the same curve, as 2 sigmoid(2x) - 1 = tanh(x), and four times the
    squared error.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        stride: 2 as in the paper, or 4, which leaves out the last decoder stage.
        global_size: px, the square that the global branch sees, 224 in the paper. The
            weights of its first product depend on it.
        scenes: classes of scenes, whose logits are sown as `scene` (section 3.4); 0
            leaves the classifier out.
        width: of the narrowest layer, 32 in the paper; all others are multiples.
        dtype: of the products and of what lies between them; parameters and head are
            float32.
        remat: keep less for the way back, and compute the rest again.
    """

    channels: int
    stride: int = 2
    global_size: int = 224
    scenes: int = 0
    width: int = 32
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
        del embedding  # it learns its own
        norm = functools.partial(
            nn.BatchNorm,
            use_running_average=not train,
            axis_name=axis,
            momentum=0.9,  # short runs should be evaluated with their own statistics
            dtype=self.dtype,
        )

        again = nn.remat if self.remat else lambda module: module

        def convolutions(name: str, *layers: tuple[int, int]) -> _Convolutions:
            wide = tuple((n * self.width, stride) for n, stride in layers)
            return again(_Convolutions)(wide, norm, self.dtype, name=name)

        def product(name: str, n: int) -> _Product:
            return _Product(n * self.width, norm, self.dtype, name=name)

        x = L / 100
        low = convolutions("low", *_LOW)
        square = (x.shape[0], self.global_size, self.global_size, 1)
        local = low(x)
        seen = local
        if x.shape != square:
            seen = low(jax.image.resize(x, square, "linear"))
        seen = convolutions("global", *_GLOBAL)(seen).reshape(x.shape[0], -1)
        seen = product("whole_2", 16)(product("whole_1", 32)(seen))
        if self.scenes:
            hidden = product("scene_1", 8)(seen)
            logits = nn.Dense(self.scenes, dtype=jnp.float32, name="scene_2")(hidden)
            self.sow("intermediates", "scene", logits)
        vector = product("whole_3", 8)(seen)
        x = convolutions("mid", *_MID)(local)
        x = Fuse(8 * self.width, use_bias=False, dtype=self.dtype, name="fuse")(
            x, vector
        )
        x = nn.relu(norm(name="fuse_norm")(x))
        x = convolutions("decode_8", (4, 1))(x)
        x = repeat(x, 2, _shrunk(L, 4))
        x = convolutions("decode_4", (2, 1), (2, 1))(x)
        if self.stride == 2:
            x = repeat(x, 2, _shrunk(L, 2))
            x = convolutions("decode_2", (1, 1))(x)
        return nn.Conv(self.channels, (3, 3), dtype=jnp.float32, name="head")(x)


class _Convolutions(nn.Module):
    """3x3 convolutions, each normalised over the batch and rectified."""

    layers: tuple[tuple[int, int], ...]  # features, stride
    norm: Callable[[], nn.Module]
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h_s w_s f"]:
        for features, stride in self.layers:
            convolution = Conv(
                features, (3, 3), stride, use_bias=False, dtype=self.dtype
            )
            x = nn.relu(self.norm()(convolution(x)))
        return x


class _Product(nn.Module):
    """A fully connected layer, normalised over the batch and rectified."""

    features: int
    norm: Callable[[], nn.Module]
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b n"]) -> Float[Array, "b f"]:
        product = nn.Dense(self.features, use_bias=False, dtype=self.dtype)
        return nn.relu(self.norm()(product(x)))


def _shrunk(L: jax.Array, factor: int) -> Size:
    return tuple(-(-side // factor) for side in L.shape[1:3])
