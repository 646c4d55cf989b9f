"""L of a picture and colours from elsewhere become a picture, some rows at a time."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from colorflax import color, gamut
from colorflax.guided import Enlarged
from colorflax.picture.pixels import Pixels

_BLOCK = 1 << 18  # pixels painted at a time: what bounds memory, and one compilation


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
    for top, L, colours in rows(pixels, ab):
        flat = (saturation * colours).astype(np.float32).reshape(-1, 2)
        new = _in_blocks(join, L.reshape(-1), flat)
        painted[top : top + len(L)] = new.reshape(*L.shape, 3)
    return painted


def rows(
    pixels: Pixels, ab: Enlarged
) -> Iterator[tuple[int, Float[np.ndarray, "rows w"], Float[np.ndarray, "rows w 2"]]]:
    """Some rows after the other: number of the first, their L, their ab."""
    h, w = pixels.shape[:2]
    step = max(1, _BLOCK // w)
    for top in range(0, h, step):
        strip = pixels[top : top + step]
        if strip.ndim == 2:
            strip = np.repeat(strip[..., None], 3, axis=2)
        L = _in_blocks(_lightness, strip.reshape(-1, 3)).reshape(strip.shape[:2])
        yield top, L, ab.rows(top, L)


def _in_blocks(function: object, *flat: np.ndarray) -> np.ndarray:
    """A function of pixels, compiled for one number of them."""
    assert callable(function)
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
