"""Structural similarity of pictures (Wang et al., IEEE TIP 2004).

With the paper's constants and its 11 x 11 window, a Gaussian of 1.5 px; of each channel
of RGB, of every window that lies inside the picture, weighted covariance. It is what
scikit-image computes with gaussian_weights=True and use_sample_covariance=False.
"""

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
    # Around mid-grey, so that float32 keeps the digits of small variances.
    p, q = (z.astype(jnp.float32) - 128 for z in (x, y))
    mean_p, mean_q = _blur(p), _blur(q)
    var_p, var_q = _blur(p * p) - mean_p**2, _blur(q * q) - mean_q**2
    covariance = _blur(p * q) - mean_p * mean_q
    mean_p, mean_q = mean_p + 128, mean_q + 128
    alike = (2 * mean_p * mean_q + _C1) * (2 * covariance + _C2)
    most = (mean_p**2 + mean_q**2 + _C1) * (var_p + var_q + _C2)
    return jnp.mean(alike / most, axis=-1)


def _blur(x: Float[Array, "b h w c"]) -> Float[Array, "b h2 w2 c"]:
    """The weighted mean of each window."""
    h, w = (side - WINDOW + 1 for side in x.shape[1:3])
    taps = [float(weight) for weight in _WEIGHTS]
    x = jnp.stack([k * x[:, i : i + h] for i, k in enumerate(taps)]).sum(axis=0)
    return jnp.stack([k * x[:, :, i : i + w] for i, k in enumerate(taps)]).sum(axis=0)
