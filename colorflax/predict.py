"""A checkpoint becomes a function from picture to coloured picture."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from colorflax import checkpoint, config, features, posterior
from colorflax.data.decode import to_srgb
from colorflax.data.views import whole_view
from colorflax.errors import UserError
from colorflax.models import winograd
from colorflax.objectives import Classification
from colorflax.resample import bilinear
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
        # The parameters are float32 also where training multiplied in less. One picture
        # takes little, and its colours should not depend on who has bfloat16.
        model = dataclasses.replace(settings.model, dtype="float32", remat=False)
        task = Colorization.build(dataclasses.replace(settings, model=model), None)
        self.saved = saved
        self._objective = task.objective
        self._view = functools.partial(whole_view, settings=settings.data, size=size)
        self._embed = _embedder(saved.about["features"])
        self._prepare = functools.partial(winograd.prepared, task.model)
        self._variables: Any = None  # prepared for the first picture, good for all
        self._run = jax.jit(
            lambda variables, rgb, embedding: task.model.apply(
                variables, split(rgb)[0], embedding
            )
        )
        self._decode = jax.jit(task.objective.decode)

    def __call__(self, image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
        """A picture of any mode -> the same in predicted colours, 8-bit sRGB."""
        image = to_srgb(image)
        head, seen = self._head(image)
        return self._join(image, self._decode(head), seen)

    def samples(
        self, image: Image.Image, n: int, seed: int = 0
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Different colourings of a picture, the one likeliest to the network first.

        Args:
            image: of any mode.
            n: how many.
            seed: the same one gives the same colourings.

        Raises:
            UserError: the checkpoint states no distribution to draw from.
        """
        temperature = self._distribution("samples").temperature
        image = to_srgb(image)
        head, seen = self._head(image)
        rows, columns = (-(-side // self._objective.stride) for side in seen)
        drawn = []
        for key in jax.random.split(jax.random.key(seed), n):
            ab, logp = _draw(head / temperature, key)
            drawn.append((float(jnp.mean(logp[0, :rows, :columns])), ab))
        for _, ab in sorted(drawn, key=lambda likely: -likely[0]):
            yield self._join(image, ab, seen)

    def confidence(self, image: Image.Image) -> Float[np.ndarray, "h w"]:
        """How sure the network is of each pixel's colour, 0 to 1; see `posterior`.

        Raises:
            UserError: the checkpoint states no distribution.
        """
        self._distribution("confidence")
        image = to_srgb(image)
        head, seen = self._head(image)
        sure = self._enlarge(_confidence(head)[..., None], seen, image.size)[..., 0]
        return sure.clip(0, 1)

    def _distribution(self, what: str) -> Classification:
        if not isinstance(self._objective, Classification):
            raise UserError(
                f"{what}: {self.saved.path} was trained with regression, which says "
                "nothing but a mean; take a checkpoint of a classification"
            )
        return self._objective

    def _head(self, image: Image.Image) -> tuple[jax.Array, tuple[int, int]]:
        """The network's output, and the height and width it is true for."""
        small = np.asarray(self._view(image))
        h, w = small.shape[:2]
        padding = ((0, -h % _GRAIN), (0, -w % _GRAIN), (0, 0))
        rgb = np.pad(small, padding, mode="edge")[None]
        embedding = None if self._embed is None else self._embed(image)
        if self._variables is None:
            L = np.zeros((*rgb.shape[:3], 1), np.float32)
            self._variables = self._prepare(self.saved.variables, L, embedding)
        return self._run(self._variables, rgb, embedding), (h, w)

    def _join(
        self, image: Image.Image, ab: jax.Array, seen: tuple[int, int]
    ) -> UInt8[np.ndarray, "h w 3"]:
        return _paint(np.asarray(image), self._enlarge(ab, seen, image.size))

    def _enlarge(
        self, head: jax.Array, seen: tuple[int, int], size: tuple[int, int]
    ) -> Float[np.ndarray, "h w c"]:
        """From the head's stride to what the network saw, then to the picture."""
        h, w = seen
        stride = self._objective.stride
        whole = _bilinear(head, stride)[0, :h, :w]
        channels = [
            np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BILINEAR))
            for channel in np.moveaxis(np.asarray(whole), -1, 0)
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


_draw = jax.jit(posterior.draw)
_confidence = jax.jit(posterior.confidence)


@functools.partial(jax.jit, static_argnums=1)
def _bilinear(x: jax.Array, factor: int) -> jax.Array:
    h, w = x.shape[1:3]
    return bilinear(x, factor, (h * factor, w * factor))


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
