"""The fusion network of Deep Koalarization (arXiv 1712.03400, section 2)."""

from flax import linen as nn
from jaxtyping import Array, Float

from colorflax.models.fuse import Fuse
from colorflax.resample import repeat

_ENCODER = (  # features, stride
    (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1),
)  # fmt: skip


class Fusion(nn.Module):
    """Encoder, a global embedding fused at every position, decoder.

    Eight convolutions take L to 1/8 of its size; the embedding of the whole photograph
    joins there; the decoder returns to `stride`. 6,574,050 parameters with two channels
    at stride 2 and a 1001-long embedding. Sizes that eight does not divide are rounded
    up inside and cropped on the way out.

    Attributes:
        channels: of the head, which is linear: the objective says what it means.
        stride: 2 as in the paper, or 4, which leaves out the last decoder stage.
    """

    channels: int
    stride: int = 2

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
        for features, stride in _ENCODER:
            x = nn.relu(nn.Conv(features, (3, 3), stride)(x))
            if stride == 2:
                sizes.append(x.shape[1:3])
        x = nn.relu(Fuse(256, name="fuse")(x, embedding))
        x = nn.relu(nn.Conv(128, (3, 3))(x))
        half, quarter, _ = sizes
        x = repeat(x, 2, quarter)
        x = nn.relu(nn.Conv(64, (3, 3))(x))
        x = nn.relu(nn.Conv(64, (3, 3))(x))
        if self.stride == 2:
            x = repeat(x, 2, half)
            x = nn.relu(nn.Conv(32, (3, 3))(x))
        return nn.Conv(self.channels, (3, 3), name="head")(x)
