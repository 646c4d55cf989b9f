"""A checkpoint becomes a function from picture to coloured picture."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

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


class Seen(NamedTuple):
    """What the network saw of a picture, and what it said."""

    head: jax.Array
    rgb: UInt8[np.ndarray, "1 h2 w2 3"]  # its edges repeated to multiples of `_GRAIN`
    size: tuple[int, int]  # height and width without them

    def rows_columns(self, stride: int) -> tuple[int, int]:
        """How much of the head stands for the picture."""
        h, w = (-(-side // stride) for side in self.size)
        return h, w


class Colorizer:
    """Colours pictures of any size; luminance stays that of the input.

    Attributes:
        saved: the checkpoint it came from.
        objective: what the network's head means.
    """

    def __init__(self, saved: checkpoint.Saved, size: int | None = None):
        settings = config.parse(saved.about["config"])
        task = built(saved, settings)
        self.saved = saved
        self.objective = task.objective
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
        return paint_whole(np.asarray(image), self.ab(self.look(image), image.size))

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
        objective = self._distribution("samples")
        image = to_srgb(image)
        seen = self.look(image)
        rows, columns = seen.rows_columns(objective.stride)
        logits = objective.tilted(seen.head) / objective.temperature
        drawn = []
        for key in jax.random.split(jax.random.key(seed), n):
            ab, logp = _draw(logits, key)
            drawn.append((float(jnp.mean(logp[0, :rows, :columns])), ab))
        for _, ab in sorted(drawn, key=lambda likely: -likely[0]):
            whole = self._enlarge(ab, seen, image.size)
            yield paint_whole(np.asarray(image), whole)

    def confidence(self, image: Image.Image) -> Float[np.ndarray, "h w"]:
        """How sure the network is of each pixel's colour, 0 to 1; see `posterior`.

        Raises:
            UserError: the checkpoint states no distribution.
        """
        self._distribution("confidence")
        image = to_srgb(image)
        seen = self.look(image)
        sure = _confidence(seen.head)[..., None]
        sure = self._enlarge(sure, seen, image.size)[..., 0]
        return sure.clip(0, 1)

    def _distribution(self, what: str) -> Classification:
        if not isinstance(self.objective, Classification):
            raise UserError(
                f"{what}: {self.saved.path} was trained with regression, which says "
                "nothing but a mean; take a checkpoint of a classification"
            )
        return self.objective

    def look(self, image: Image.Image) -> Seen:
        """Run the network on an RGB picture."""
        small = np.asarray(self._view(image))
        h, w = small.shape[:2]
        padding = ((0, -h % _GRAIN), (0, -w % _GRAIN), (0, 0))
        rgb = np.pad(small, padding, mode="edge")[None]
        embedding = None if self._embed is None else self._embed(image)
        if self._variables is None:
            L = np.zeros((*rgb.shape[:3], 1), np.float32)
            self._variables = self._prepare(self.saved.variables, L, embedding)
        return Seen(self._run(self._variables, rgb, embedding), rgb, (h, w))

    def ab(
        self,
        seen: Seen,
        size: tuple[int, int],
        decode: Callable[[jax.Array], jax.Array] | None = None,
    ) -> Float[np.ndarray, "h w 2"]:
        """The colours of a picture of `size` = (w, h), not yet fitted into sRGB.

        `decode` takes the place of the objective's.
        """
        return self._enlarge((decode or self._decode)(seen.head), seen, size)

    def _enlarge(
        self, head: jax.Array, seen: Seen, size: tuple[int, int]
    ) -> Float[np.ndarray, "h w c"]:
        """From the head's stride to what the network saw, then to the picture."""
        h, w = seen.size
        whole = _bilinear(head, self.objective.stride)[0, :h, :w]
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


def built(saved: checkpoint.Saved, settings: config.Config) -> Colorization:
    """The network and objective of a checkpoint, as they are used after training.

    Raises:
        UserError: the settings want what the checkpoint does not have.
    """
    # The parameters are float32 also where training multiplied in less. One picture
    # takes little, and its colours should not depend on who has bfloat16.
    model = dataclasses.replace(settings.model, dtype="float32", remat=False)
    shares = saved.about.get("prior")
    prior = None if shares is None else np.asarray(shares)
    return Colorization.build(dataclasses.replace(settings, model=model), prior)


def need_same_backbone(fingerprint: str, record: dict[str, str]) -> None:
    """Raise `UserError` unless a backbone is the one that a checkpoint recorded."""
    if fingerprint != record["fingerprint"]:
        raise UserError(
            f"the {record['name']} weights on this machine ({record['weights']}) are "
            "not those that the checkpoint was trained with"
        )


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


def paint_whole(
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
    need_same_backbone(backbone.fingerprint, record)
    return lambda image: backbone(features.fit(image, backbone.size)[None], batch=1)
