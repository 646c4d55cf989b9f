"""Structural similarity of pictures (Wang et al., IEEE TIP 2004).

With the paper's constants and its 11 x 11 window, a Gaussian of 1.5 px; of each channel
of RGB, of every window that lies inside the picture, weighted covariance. It is what
scikit-image computes with gaussian_weights=True and use_sample_covariance=False.
"""

import functools
import operator
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

WINDOW = 11
_WEIGHTS = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
_WEIGHTS /= _WEIGHTS.sum()
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def windows(
    x: UInt8[Array, "b h w 3"], y: UInt8[Array, "b h w 3"]
) -> Float[Array, "b rows columns"]:
    """The similarity of each window, by its upper left corner; mean over channels.

    Both sides of the pictures are at least 11 px.
    """
    # Around mid-grey, so that float32 keeps the digits of small variances; channels
    # before rows, so that the sums below run along memory.
    p, q = (jnp.moveaxis(z.astype(jnp.float32) - 128, -1, 1) for z in (x, y))
    blurred = _blur(jnp.concatenate([p, q, p * p, q * q, p * q], axis=1))
    mean_p, mean_q, pp, qq, pq = jnp.split(blurred, 5, axis=1)
    var_p, var_q, covariance = pp - mean_p**2, qq - mean_q**2, pq - mean_p * mean_q
    mean_p, mean_q = mean_p + 128, mean_q + 128
    alike = (2 * mean_p * mean_q + _C1) * (2 * covariance + _C2)
    most = (mean_p**2 + mean_q**2 + _C1) * (var_p + var_q + _C2)
    return jnp.mean(alike / most, axis=1)


def _blur(x: Float[Array, "b c h w"]) -> Float[Array, "b c h2 w2"]:
    """The weighted mean of each window."""
    # Without the barriers XLA makes one loop of it, with 121 terms in place of 22.
    h, w = (side - WINDOW + 1 for side in x.shape[2:])
    x = jax.lax.optimization_barrier(x)
    x = _weighted(x[:, :, i : i + h] for i in range(WINDOW))
    x = jax.lax.optimization_barrier(x)
    return _weighted(x[..., i : i + w] for i in range(WINDOW))


def _weighted(shifted: Iterable[Array]) -> Array:
    terms = (float(k) * x for k, x in zip(_WEIGHTS, shifted, strict=True))
    return functools.reduce(operator.add, terms)
