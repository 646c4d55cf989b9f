"""One colouring of a photograph, judged: squares in a batch, or any size in tiles.

Everything is counted on 8-bit pixels of the picture as a user gets it, and on ab before
it was fitted into sRGB. Both ways lead through the same compiled sums.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8

from colorflax import metrics
from colorflax.color import bins
from colorflax.coloring import joined, split
from colorflax.metrics import hue, ssim

Totals = dict[str, np.ndarray]
"""Sums over the pixels of each photograph: float64 (b,)."""

Colours = tuple[np.ndarray, np.ndarray]
"""To how many pixels each bin is nearest, int64 (313,); the sum of their ab, (2,)."""

_TILE = 256  # px that a tile owns; it sees `_BORDER` more, for windows that begin in it
_BORDER = ssim.WINDOW - 1


def squares(
    rgb: UInt8[np.ndarray, "b h w 3"],
    ab: Float[Array | np.ndarray, "b h w 2"] | None,
    weights: Float[np.ndarray, "313"],
) -> Totals:
    """Judge a batch.

    Args:
        rgb: the photographs.
        ab: the colours that are judged; the true ones if None.
        weights: of a pixel by the bin nearest to its true colour.
    """
    pixels = np.ones(rgb.shape[:3], bool)
    inside = [max(0, side - _BORDER) for side in rgb.shape[1:3]]
    windows = np.ones((len(rgb), *inside), bool)
    return _added(_judge(rgb, ab, weights, pixels, windows))


def photograph(
    rgb: UInt8[np.ndarray, "h w 3"],
    ab: Float[np.ndarray, "h w 2"] | None,
    weights: Float[np.ndarray, "313"],
) -> Totals:
    """Judge one photograph of any size, likewise; memory does not grow with it."""
    totals: Totals = {}
    for place, pixels, windows in _tiles(*rgb.shape[:2]):
        part = None if ab is None else _filled(ab[place])
        found = _added(_judge(_filled(rgb[place]), part, weights, pixels, windows))
        totals = {name: totals.get(name, 0) + x for name, x in found.items()}
    return totals


def colours_of_squares(rgb: UInt8[np.ndarray, "b h w 3"]) -> Colours:
    """Those of a batch."""
    return _survey(rgb, np.ones(rgb.shape[:3], bool))


def colours(rgb: UInt8[np.ndarray, "h w 3"]) -> Colours:
    """Those of one photograph of any size."""
    found = [
        _survey(_filled(rgb[place]), pixels)
        for place, pixels, _ in _tiles(*rgb.shape[:2])
    ]
    return np.sum([n for n, _ in found], 0), np.sum([ab for _, ab in found], 0)


def true_ab(rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 2"]:
    """The ab of a photograph of any size."""
    h, w = rgb.shape[:2]
    ab = np.empty((h, w, 2), np.float32)
    for place, _, _ in _tiles(h, w):
        target = ab[place]
        target[...] = _ab(_filled(rgb[place]))[0, : len(target), : target.shape[1]]
    return ab


def true_squares(rgb: UInt8[np.ndarray, "b h w 3"]) -> Float[Array, "b h w 2"]:
    """The ab of photographs of one size."""
    return _ab(rgb)


def pictures(
    rgb: UInt8[np.ndarray, "b h w 3"], ab: Float[Array | np.ndarray, "b h w 2"] | None
) -> UInt8[np.ndarray, "b h w 3"]:
    """Photographs of one size in these colours, as they are judged."""
    return rgb if ab is None else np.asarray(_painted(rgb, ab))


def picture(
    rgb: UInt8[np.ndarray, "h w 3"], ab: Float[np.ndarray, "h w 2"] | None
) -> UInt8[np.ndarray, "h w 3"]:
    """Likewise one of any size."""
    if ab is None:
        return rgb
    found = np.empty_like(rgb)
    for place, _, _ in _tiles(*rgb.shape[:2]):
        target = found[place]
        tile = pictures(_filled(rgb[place]), _filled(ab[place]))
        target[...] = tile[0, : len(target), : target.shape[1]]
    return found


def numbers(totals: Totals) -> dict[str, np.ndarray]:
    """Those of `metrics.numbers`, and ssim: NaN where a side is under 11 px."""
    found = metrics.numbers(totals, np)
    windows = totals["windows"]
    ssims = totals["similarity"] / np.where(windows > 0, windows, 1)
    return found | {"ssim": np.where(windows > 0, ssims, np.nan)}


@jax.jit
def _judge(
    rgb: UInt8[Array, "b h w 3"],
    ab: Float[Array, "b h w 2"] | None,
    weights: Float[Array, "313"],
    pixels: Bool[Array, "b h w"],
    windows: Bool[Array, "b h3 w3"],
) -> dict[str, Array]:
    """Sums over each row."""
    L, truth = split(rgb)
    ab = truth if ab is None else ab
    painted = joined(L, ab)
    found: dict[str, Array] = metrics.sums(painted, rgb, ab, truth, pixels)
    found |= hue.sums(ab, truth, pixels)
    nearest = bins.soft_encode(truth)[0][..., 0]
    weight = jnp.where(pixels, weights[nearest], 0)
    distance = jnp.sqrt(jnp.sum(jnp.square(ab - truth), axis=-1))
    clipped = jnp.minimum(distance, metrics.FARTHEST)
    found |= {
        "weight": jnp.sum(weight, axis=2),
        "weighted_clipped": jnp.sum(weight * clipped, axis=2),
    }
    if min(windows.shape[1:]) == 0:
        none = jnp.zeros((len(rgb), 1))
        return found | {"windows": none, "similarity": none}
    similarity = jnp.where(windows, ssim.windows(painted, rgb), 0)
    return found | {
        "windows": jnp.sum(windows, axis=2),
        "similarity": jnp.sum(similarity, axis=2),
    }


def _survey(rgb: np.ndarray, pixels: np.ndarray) -> Colours:
    count, rows = jax.device_get(_count(rgb, pixels))
    return count.astype(np.int64), rows.astype(np.float64).sum(axis=(0, 1))


@jax.jit
def _count(rgb: Array, pixels: Array) -> tuple[Array, Array]:
    ab = split(rgb)[1]
    nearest = bins.soft_encode(ab)[0][..., 0]
    one = pixels.astype(jnp.int32)
    counts = jnp.bincount(nearest.ravel(), one.ravel(), length=bins.COUNT)
    return counts, jnp.sum(jnp.where(pixels[..., None], ab, 0), axis=2)


@jax.jit
def _painted(rgb: Array, ab: Array) -> Array:
    return joined(split(rgb)[0], ab)


@jax.jit
def _ab(rgb: Array) -> Array:
    return split(rgb)[1]


def _added(rows: dict[str, Array]) -> Totals:
    found = jax.device_get(rows)
    return {name: x.astype(np.float64).sum(axis=1) for name, x in found.items()}


def _tiles(h: int, w: int) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Where each tile is, which of its pixels it owns, and which windows are whole."""
    inner = np.arange(_TILE)
    whole = np.arange(_TILE + _BORDER)
    for y in range(0, h, _TILE):
        for x in range(0, w, _TILE):
            place = np.s_[y : y + len(whole), x : x + len(whole)]
            owned = [(whole < _TILE) & (whole < left) for left in (h - y, w - x)]
            begun = [inner + _BORDER < left for left in (h - y, w - x)]
            yield place, np.outer(*owned)[None], np.outer(*begun)[None]


def _filled(part: np.ndarray) -> np.ndarray:
    """A tile that is cut off by the edge, filled up, as a batch of one."""
    side = _TILE + _BORDER
    h, w = part.shape[:2]
    return np.pad(part, ((0, side - h), (0, side - w), (0, 0)))[None]
