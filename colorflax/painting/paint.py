"""L of a picture and colours from elsewhere become a picture, some rows at a time."""

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from colorflax import color
from colorflax.color import gamut
from colorflax.painting.guided import Enlarged
from colorflax.picture.pixels import Pixels

_BLOCK = 1 << 18  # pixels painted at a time: what bounds memory, and one compilation
_THREADS = min(4, os.cpu_count() or 1)  # strips of a picture at a time

Strip = tuple[int, Float[np.ndarray, "rows w"], Float[np.ndarray, "rows w 2"]]
"""Number of the first row, their L, their ab."""


def paint(pixels: Pixels, ab: Enlarged, saturation: float = 1.0) -> Pixels:
    """Chroma that sRGB cannot show is reduced, L is kept.

    Args:
        pixels: (h, w) or (h, w, 3); uint8, uint16, or float in [0, 1].
        ab: of that size.
        saturation: what ab is multiplied by.

    Returns:
        (h, w, 3), of the same dtype.
    """
    painted = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    join = functools.partial(_join, depth=pixels.dtype.name)

    def fill(top: int) -> None:
        _, L, colours = _strip(pixels, ab, top)
        flat = (saturation * colours).astype(np.float32).reshape(-1, 2)
        new = _in_blocks(join, L.reshape(-1), flat)
        painted[top : top + len(L)] = new.reshape(*L.shape, 3)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(fill, _tops(pixels)))  # which raises what was raised
    return painted


def ready() -> None:
    """Have what painting 8 bits needs compiled, or read back from where it is kept."""
    L = _in_blocks(_lightness, np.zeros((1, 3), np.uint8))
    join = functools.partial(_join, depth="uint8")
    _in_blocks(join, L, np.zeros((1, 2), np.float32))


def rows(pixels: Pixels, ab: Enlarged) -> Iterator[Strip]:
    """Some rows after the other."""
    return (_strip(pixels, ab, top) for top in _tops(pixels))


def _tops(pixels: Pixels) -> range:
    h, w = pixels.shape[:2]
    return range(0, h, _height(w))


def _height(width: int) -> int:
    return max(1, _BLOCK // width)


def _strip(pixels: Pixels, ab: Enlarged, top: int) -> Strip:
    strip = pixels[top : top + _height(pixels.shape[1])]
    if strip.ndim == 2:
        strip = np.repeat(strip[..., None], 3, axis=2)
    L = _in_blocks(_lightness, strip.reshape(-1, 3)).reshape(strip.shape[:2])
    return top, L, ab.rows(top, L)


def _in_blocks(function: Callable[..., Any], *flat: np.ndarray) -> np.ndarray:
    """A function of pixels, compiled for one number of them."""
    results = []
    for start in range(0, len(flat[0]), _BLOCK):
        parts = [x[start : start + _BLOCK] for x in flat]
        n = len(parts[0])
        padded = [np.pad(p, ((0, _BLOCK - n), *[(0, 0)] * (p.ndim - 1))) for p in parts]
        results.append(np.asarray(function(*padded))[:n])
    return np.concatenate(results) if len(results) > 1 else results[0]


@jax.jit
def _lightness(rgb: Array) -> Float[Array, " n"]:
    if rgb.dtype == jnp.uint16:
        rgb = rgb.astype(jnp.float32) / 65535
    return color.rgb_to_lab(rgb)[..., 0]


@functools.partial(jax.jit, static_argnames="depth")
def _join(L: Float[Array, " n"], ab: Float[Array, "n 2"], *, depth: str) -> Array:
    rgb = color.lab_to_rgb(gamut.fit(jnp.concatenate([L[:, None], ab], axis=-1)))
    match depth:
        case "uint8":
            return color.to_uint8(rgb)
        case "uint16":
            return jnp.round(jnp.clip(rgb, 0, 1) * 65535).astype(jnp.uint16)
    return jnp.clip(rgb, 0, 1)
