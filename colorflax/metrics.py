"""Numbers about a coloured photograph: one per example, never averaged here."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def ab_mse(
    ab: Float[Array, "b h w 2"], truth: Float[Array, "b h w 2"]
) -> Float[Array, " b"]:
    """Mean squared error of ab in units of 127, as arXiv 1712.03400 reports it."""
    return jnp.mean(jnp.square((ab - truth) / 127), axis=(1, 2, 3))


def psnr(
    rgb: Float[Array, "b h w 3"], truth: Float[Array, "b h w 3"]
) -> Float[Array, " b"]:
    """Peak signal-to-noise ratio in dB of RGB in [0, 1].

    The squared error counts as at least that of rounding to 8 bits, (1/255)^2 / 12: an
    exact copy scores 58.92 dB instead of infinity, so that a mean over a set in which
    some photographs are grey stays a number.
    """
    error = jnp.mean(jnp.square(rgb - truth), axis=(1, 2, 3))
    return -10 * jnp.log10(jnp.maximum(error, 1 / (12 * 255**2)))
