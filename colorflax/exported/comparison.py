"""How far the colours of two forms of a network lie apart, on photographs."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from colorflax import checkpoint, config, predict
from colorflax.coloring import split
from colorflax.data.photographs import Photograph, builtin
from colorflax.data.views import whole_view
from colorflax.exported.network import grain


@dataclasses.dataclass(frozen=True)
class Difference:
    """Of the a and b of every pixel, in units of Lab."""

    max: float
    mean: float

    def within(self, bound: "Difference") -> bool:
        """Whether neither is larger; never where one is not a number."""
        return self.max <= bound.max and self.mean <= bound.mean


def photographs() -> Sequence[Photograph]:
    """Three that come with scikit-image."""
    return builtin()[:3]


def inputs(saved: checkpoint.Saved) -> list[tuple[np.ndarray, ...]]:
    """What a network is given to compare: a whole photograph, and squares of two more.

    At the scale of its training, with sides that every form takes, and embeddings where
    it wants any.

    Raises:
        UserError: its backbone's weights cannot be had.
    """
    settings = config.parse(saved.about["config"]).data
    embed = predict.embedder(saved.about["features"])
    images = [photo.open(2 * settings.short_side) for photo in photographs()]
    views = [np.asarray(whole_view(image, settings)) for image in images]
    side = min(min(view.shape[:2]) for view in views)
    n = grain(saved)
    batches = [views[:1], [view[:side, :side] for view in views[1:]]]
    found: list[tuple[np.ndarray, ...]] = []
    for batch, of in zip(batches, (images[:1], images[1:]), strict=True):
        h, w = (px // n * n for px in batch[0].shape[:2])
        L = _lightness(np.stack([view[:h, :w] for view in batch]))
        vectors = [np.concatenate([embed(image) for image in of])] if embed else []
        found.append((np.asarray(L), *vectors))
    return found


def difference(one: Iterable[np.ndarray], other: Iterable[np.ndarray]) -> Difference:
    """Over all pixels of pairs of (b, h, w, 2); infinite where shapes differ."""
    apart = []
    for a, b in zip(one, other, strict=True):
        if a.shape != b.shape:
            return Difference(math.inf, math.inf)
        apart.append(np.abs(a.astype(np.float64) - b).ravel())
    every = np.concatenate(apart)
    return Difference(float(every.max()), float(every.mean()))


def colours(
    function: Callable[..., Any], given: Iterable[tuple[np.ndarray, ...]]
) -> list[np.ndarray]:
    """What a function from L and embedding says of each input."""
    return [np.asarray(jax.device_get(function(*x))) for x in given]


@jax.jit
def _lightness(rgb: jax.Array) -> jax.Array:
    return split(rgb)[0]
