"""Fitting a Lab colour into sRGB without touching its lightness."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from colorflax.color.lab import lab_to_linear

# sRGB's largest chroma is 134 (blue): the search need not look further out.
_MAX_CHROMA = 140.0
# Linear light: float32 puts sRGB's own colours up to 1e-6 below 0, and the constants as
# given put L = 100, a = b = 0 up to 8e-5 above 1.
_LOWEST, _HIGHEST = -1e-5, 1 + 1e-4
_HALVINGS, _PLACES = 12, 8  # 2^3 of these, so that 9 halvings are left

Holds = Callable[[Float[Array, "*batch 3"]], Bool[Array, "*batch"]]


def fit(
    lab: Float[Array | np.ndarray, "*batch 3"],
) -> Float[Array, "*batch 3"]:
    """Bring colours that sRGB cannot show inside it, at constant L and hue.

    Clipping RGB instead moves the lightness, which for a photograph is the one channel
    that was measured. Here chroma alone shrinks, to the largest multiple of (a, b) that
    sRGB holds, found by bisection to 140 / 2^12 = 0.03 units. On the way to a vivid
    light yellow there are colours that it does not hold; so what is behind them is
    looked for at 8 places, and where the last channel becomes negative. (A strip
    narrower than the eighth part, in the midst of such colours, may be missed.) What
    is outside by 2e-4 of linear light then, clipping brings in. After rounding to 8
    bits L is within 100/255 of the input.

    Args:
      lab: L in [0, 100]; a, b any finite value.

    Returns:
      Lab, float32; colours already inside sRGB come back bit for bit.
    """
    lab = jnp.asarray(lab, jnp.float32)
    chroma = jnp.max(jnp.abs(lab[..., 1:]), axis=-1)
    most = jnp.minimum(1.0, _MAX_CHROMA / jnp.maximum(chroma, _MAX_CHROMA))

    def farther(holds: Holds, to: jax.Array, scale: jax.Array) -> jax.Array:
        to = jnp.minimum(to, most)
        return jnp.where(holds(_scale_chroma(lab, to)), to, scale)

    def bisect(holds: Holds, scale: jax.Array, step: jax.Array, n: int) -> jax.Array:
        def narrow(i: Int[Array, ""], scale: jax.Array) -> jax.Array:
            return farther(holds, scale + step * 0.5 ** (i + 1.0), scale)

        return jax.lax.fori_loop(0, n, narrow, scale)

    def look(i: Int[Array, ""], scale: jax.Array) -> jax.Array:
        return farther(_inside, most * (i + 1.0) / _PLACES, scale)

    none = jnp.zeros_like(most)
    scale = jax.lax.fori_loop(0, _PLACES, look, none)
    scale = bisect(_inside, scale, most / _PLACES, _HALVINGS - 3)
    far = bisect(lambda lab: _ends(lab)[0] >= _LOWEST, none, most, _HALVINGS)
    scale = jnp.maximum(scale, farther(_nearly_inside, far, scale))
    fitted = _scale_chroma(lab, jax.lax.stop_gradient(scale))
    return jnp.where(_inside(lab)[..., None], lab, fitted)


def _scale_chroma(
    lab: Float[Array, "*batch 3"], scale: Float[Array, "*batch"]
) -> Float[Array, "*batch 3"]:
    return jnp.stack([lab[..., 0], lab[..., 1] * scale, lab[..., 2] * scale], axis=-1)


def _inside(lab: Float[Array, "*batch 3"]) -> Bool[Array, "*batch"]:
    low, high = _ends(lab)
    return (low >= _LOWEST) & (high <= _HIGHEST)


def _nearly_inside(lab: Float[Array, "*batch 3"]) -> Bool[Array, "*batch"]:
    """Up to what moves L by 0.008 when it is clipped."""
    low, high = _ends(lab)
    return (low >= _LOWEST) & (high <= 1 + 2 * (_HIGHEST - 1))


def _ends(
    lab: Float[Array, "*batch 3"],
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """The least and the largest channel of linear light."""
    # Not jnp.min over the last axis: that breaks XLA's fusion, 2.5x slower on CPU.
    linear = lab_to_linear(lab)
    r, g, b = linear[..., 0], linear[..., 1], linear[..., 2]
    low = jnp.minimum(jnp.minimum(r, g), b)
    return low, jnp.maximum(jnp.maximum(r, g), b)
