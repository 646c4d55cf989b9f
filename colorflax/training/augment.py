"""Old photographs made from new ones: what plate, print and scanner did to L.

Only the L that the network is shown in training changes. In the order in which a
photograph met them: the plate's response to colour, the lens, the emulsion, the years,
the scanner and its glass.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, UInt8, UInt32

from colorflax import color, config

Lightness = Float[Array, "b h w"]
Strength = Float[Array, " b"]
Keys = Key[Array, " b"]

# Shares of linear R, G and B; this project's choice for plates not sensitised to green
# or red. They sum to 1, so that greys keep their L.
_BLUE_PLATE = (0.0, 0.12, 0.88)
_GRAIN_BLUR = 0.7  # px: what makes clumps of neighbouring pixels
_SPECK = 2  # px


def age(
    rgb: UInt8[Array, "b h w 3"], key: Key[Array, ""], settings: config.Augment
) -> Float[Array, "b h w 1"]:
    """The L of photographs as old ones would show it, in [0, 100].

    A photograph's random numbers come from `key` and from its own pixels. So they do
    not depend on where in the batch, on which device or in which process it lies.
    With all settings at 0 this is exactly the L of Lab.
    """
    L = color.rgb_to_lab(rgb)[..., 0]
    keys = content_keys(key, rgb)
    effects: dict[str, Callable[[Lightness, Strength, Keys], Lightness]] = {
        "orthochromatic": lambda L, s, _: expose(L, rgb, s),
        "blur": lambda L, s, _: blur(L, s, settings.blur),
        "grain": grain,
        "fade": fade,
        "noise": noise,
        "dust": dust,
    }
    for number, (name, effect) in enumerate(effects.items()):
        most = getattr(settings, name)
        if most:
            # Numbered, so that one knob does not change what another draws.
            first, second = (_fold(keys, 2 * number + i) for i in range(2))
            strength = most * jax.vmap(jax.random.uniform)(first)
            L = jnp.clip(effect(L, strength, second), 0, 100)
    return L[..., None]


def content_keys(key: Key[Array, ""], rgb: UInt8[Array, "b h w 3"]) -> Keys:
    """A key for each picture, from `key` and a checksum of its pixels."""
    pixels = rgb.reshape(len(rgb), -1).astype(jnp.uint32)
    # Knuth's multiplier: each place weighs differently, sums wrap around.
    weights = jnp.arange(1, 2 * pixels.shape[1], 2, dtype=jnp.uint32)
    weights = weights * np.uint32(2654435761)
    sums: UInt32[Array, " b"] = jnp.sum(
        pixels * weights[None], axis=1, dtype=jnp.uint32
    )
    return jax.vmap(lambda checksum: jax.random.fold_in(key, checksum))(sums)


def expose(L: Lightness, rgb: UInt8[Array, "b h w 3"], share: Strength) -> Lightness:
    """Towards what a plate sensitive to blue sees: skies pale, lips and leaves dark."""
    r, g, b = jnp.moveaxis(color.rgb_to_linear(rgb), -1, 0)
    plate = _BLUE_PLATE[0] * r + _BLUE_PLATE[1] * g + _BLUE_PLATE[2] * b
    share = share[:, None, None]
    return (1 - share) * L + share * color.lightness(plate)


def blur(L: Lightness, sigma: Strength, most: float) -> Lightness:
    """A Gaussian of each picture's own `sigma`, up to `most` px; edges are repeated."""
    reach = int(np.ceil(3 * most))
    distance = jnp.arange(-reach, reach + 1, dtype=jnp.float32)[None]
    taps = jnp.exp(-((distance / jnp.maximum(sigma, 1e-3)[:, None]) ** 2) / 2)
    taps = taps / jnp.sum(taps, axis=1, keepdims=True)
    for axis in (1, 2):
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (reach, reach)
        L = _along(axis, jnp.pad(L, padding, mode="edge"), taps)
    return L


def grain(L: Lightness, sigma: Strength, keys: Keys) -> Lightness:
    """Clumps of silver: noise of `sigma` at L = 50, fading to none at 0 and 100."""
    white = _normal(keys, (L.shape[1] + 2, L.shape[2] + 2))
    side = np.exp(-1 / (2 * _GRAIN_BLUR**2))
    taps = np.array([side, 1, side])
    taps = taps / np.sqrt(np.sum(taps**2))  # keeps the standard deviation at 1
    for axis in (1, 2):
        white = _along(axis, white, jnp.asarray(np.tile(taps, (len(L), 1))))
    tone = jnp.clip(L / 100, 0, 1)
    return L + sigma[:, None, None] * 2 * jnp.sqrt(tone * (1 - tone)) * white


def fade(L: Lightness, most: Strength, keys: Keys) -> Lightness:
    """Black rises by `most`, white sinks by a draw of 0 to `most`; linear between."""
    white = most * jax.vmap(jax.random.uniform)(keys)
    contrast = 1 - (most + white) / 100
    return most[:, None, None] + contrast[:, None, None] * L


def noise(L: Lightness, sigma: Strength, keys: Keys) -> Lightness:
    """White noise."""
    return L + sigma[:, None, None] * _normal(keys, L.shape[1:])


def dust(L: Lightness, percent: Strength, keys: Keys) -> Lightness:
    """Specks of 2 x 2 px, black or white, on `percent` of the pixels on average."""
    h, w = (side + _SPECK - 1 for side in L.shape[1:])
    draw = jax.vmap(lambda k: jax.random.uniform(k, (h, w)))(keys)
    clean = (1 - percent[:, None, None] / 100) ** (1 / _SPECK**2)  # of one corner
    # Below `clean` nothing lies here; half of what lies is white.
    dirt = jnp.where(draw < clean, 0.0, jnp.where(draw < (1 + clean) / 2, -1.0, 1.0))
    white, black = (_spread(sign * dirt) for sign in (1, -1))
    return jnp.where(white > 0, 100, jnp.where(black > 0, 0, L))


def _along(
    axis: int, padded: Float[Array, "b h1 w1"], taps: Float[Array, "b n"]
) -> Lightness:
    """Correlate with each picture's own taps; what they overlap is cut off."""
    n = padded.shape[axis] - taps.shape[1] + 1
    total = jnp.zeros(())
    for i in range(taps.shape[1]):
        shifted = jax.lax.slice_in_dim(padded, i, i + n, axis=axis)
        total = total + taps[:, i, None, None] * shifted
    return total


def _fold(keys: Keys, number: int) -> Keys:
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


def _spread(corners: Float[Array, "b h1 w1"]) -> Lightness:
    window = (1, _SPECK, _SPECK)
    return jax.lax.reduce_window(
        corners, -jnp.inf, jax.lax.max, window, (1, 1, 1), "VALID"
    )


def _normal(keys: Keys, shape: tuple[int, ...]) -> Lightness:
    return jax.vmap(lambda k: jax.random.normal(k, shape))(keys)
