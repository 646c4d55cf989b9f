"""A checkpoint becomes a function from picture to coloured picture."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from colorflax import checkpoint, config, features
from colorflax.data.decode import to_srgb
from colorflax.data.views import whole_view
from colorflax.errors import UserError
from colorflax.tasks import Colorization, paint, split

_BLOCK = 1 << 18  # pixels painted at a time: what bounds memory, and one compilation
_GRAIN = 32  # px; network inputs are padded to multiples, so that few shapes compile


class Colorizer:
    """Colours pictures of any size; luminance stays that of the input.

    Attributes:
        saved: the checkpoint it came from.
    """

    def __init__(self, saved: checkpoint.Saved, size: int | None = None):
        settings = config.parse(saved.about["config"])
        task = Colorization.build(settings, prior=None)
        self.saved = saved
        self._view = functools.partial(whole_view, settings=settings.data, size=size)
        self._embed = _embedder(saved.about["features"])
        self._predict = jax.jit(
            lambda variables, rgb, embedding: task.predict(
                variables, split(rgb)[0], embedding
            )
        )

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
        """A picture of any mode -> the same in predicted colours, 8-bit sRGB."""
        image = to_srgb(image)
        return _paint(np.asarray(image), self._ab(image))

    def _ab(self, image: Image.Image) -> Float[np.ndarray, "h w 2"]:
        small = np.asarray(self._view(image))
        h, w = small.shape[:2]
        padding = ((0, -h % _GRAIN), (0, -w % _GRAIN), (0, 0))
        rgb = np.pad(small, padding, mode="edge")[None]
        embedding = None if self._embed is None else self._embed(image)
        ab = np.asarray(self._predict(self.saved.variables, rgb, embedding))[0, :h, :w]
        channels = [
            np.asarray(
                Image.fromarray(ab[..., c]).resize(
                    image.size, Image.Resampling.BILINEAR
                )
            )
            for c in range(2)
        ]
        return np.stack(channels, axis=-1)


def load(path: str | Path, size: int | None = None) -> Colorizer:
    """Open a run's folder or one of its checkpoints.

    Args:
        path: as for `checkpoint.load`.
        size: px, as for `views.whole_view`; that of training if None.

    Raises:
        UserError: no checkpoint there, or its backbone's weights cannot be had.
    """
    return Colorizer(checkpoint.load(Path(path)), size)


@jax.jit
def _paint_block(rgb: jax.Array, ab: jax.Array) -> jax.Array:
    L, _ = split(rgb[None, None])
    return paint(L, ab[None, None])[0, 0]


def _paint(
    rgb: UInt8[np.ndarray, "h w 3"], ab: Float[np.ndarray, "h w 2"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Join the L of `rgb` with `ab`, a block of pixels at a time."""
    flat_rgb, flat_ab = rgb.reshape(-1, 3), ab.reshape(-1, 2)
    painted = np.empty_like(flat_rgb)
    for start in range(0, len(painted), _BLOCK):
        block = slice(start, start + _BLOCK)
        n = len(flat_rgb[block])
        fill = ((0, _BLOCK - n), (0, 0))
        painted[block] = _paint_block(
            np.pad(flat_rgb[block], fill), np.pad(flat_ab[block], fill)
        )[:n]
    return painted.reshape(rgb.shape)


def _embedder(
    record: dict[str, str] | None,
) -> Callable[[Image.Image], np.ndarray] | None:
    """The backbone that a network was trained with, checked to be the same."""
    if record is None:
        return None
    choice = features.recorded(record["name"], record["weights"])
    backbone = features.build(features.settle(choice, on_missing="error"))
    if backbone.fingerprint != record["fingerprint"]:
        raise UserError(
            f"the {choice.name} weights on this machine ({choice.description}) are "
            "not those that the checkpoint was trained with"
        )
    return lambda image: backbone(features.fit(image, backbone.size)[None], batch=1)
