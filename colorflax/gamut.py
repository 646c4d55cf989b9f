"""Fitting a Lab colour into sRGB without touching its lightness."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from colorflax import color

# sRGB's largest chroma is 134 (blue): the search need not look further out.
_MAX_CHROMA = 140.0
# Linear light: float32 puts sRGB's own colours up to 1e-6 below 0, and the constants as
# given put L = 100, a = b = 0 up to 8e-5 above 1.
_LOWEST, _HIGHEST = -1e-5, 1 + 1e-4
_ALMOST = 1.005  # clipped, it moves L by 0.2 at most
_PLACES, _HALVINGS = 16, 8


def fit(
    lab: Float[Array | np.ndarray, "*batch 3"],
) -> Float[Array, "*batch 3"]:
    """Bring colours that sRGB cannot show inside it, at constant L and hue.

    Clipping RGB instead moves the lightness, which for a photograph is the one channel
    that was measured. Here chroma alone shrinks, to the largest multiple of (a, b) that
    sRGB holds up to 0.005 of a channel: looked for at 16 places, for on the way to a
    vivid light yellow there are colours that it does not hold, and from there by
    bisection to 140 / 2^12 = 0.03 units. After rounding to 8 bits L is within 100/255
    of the input.

    Args:
      lab: L in [0, 100]; a, b any finite value.

    Returns:
      Lab, float32; colours already inside sRGB come back bit for bit.
    """
    lab = jnp.asarray(lab, jnp.float32)
    chroma = jnp.max(jnp.abs(lab[..., 1:]), axis=-1)
    most = jnp.minimum(1.0, _MAX_CHROMA / jnp.maximum(chroma, _MAX_CHROMA))

    def held(larger: jax.Array, scale: jax.Array) -> jax.Array:
        larger = jnp.minimum(larger, most)
        fits = _inside(_scale_chroma(lab, larger), _ALMOST)
        return jnp.where(fits, larger, scale)

    def look(i: Int[Array, ""], scale: jax.Array) -> jax.Array:
        return held(most * (i + 1.0) / _PLACES, scale)

    def narrow(i: Int[Array, ""], scale: jax.Array) -> jax.Array:
        return held(scale + most / _PLACES * 0.5 ** (i + 1.0), scale)

    scale = jax.lax.fori_loop(0, _PLACES, look, jnp.zeros_like(most))
    scale = jax.lax.fori_loop(0, _HALVINGS, narrow, scale)
    fitted = _scale_chroma(lab, jax.lax.stop_gradient(scale))
    return jnp.where(_inside(lab, _HIGHEST)[..., None], lab, fitted)


def _scale_chroma(
    lab: Float[Array, "*batch 3"], scale: Float[Array, "*batch"]
) -> Float[Array, "*batch 3"]:
    return jnp.stack([lab[..., 0], lab[..., 1] * scale, lab[..., 2] * scale], axis=-1)


def _inside(lab: Float[Array, "*batch 3"], highest: float) -> Bool[Array, "*batch"]:
    # Not jnp.all over the last axis: that breaks XLA's fusion, 2.5x slower on CPU.
    linear = color.lab_to_linear(lab)
    r, g, b = linear[..., 0], linear[..., 1], linear[..., 2]
    low = jnp.minimum(jnp.minimum(r, g), b)
    high = jnp.maximum(jnp.maximum(r, g), b)
    return (low >= _LOWEST) & (high <= highest)
