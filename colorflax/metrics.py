"""Numbers about a coloured photograph: one per example, never averaged here."""

import jax.numpy as jnp
from jaxtyping import Array, Float

AB_PEAK = 256.0
"""Ab units from one end of an 8-bit Lab channel to the other, -128 to 128."""


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


def ab_psnr(
    ab: Float[Array, "b h w 2"], truth: Float[Array, "b h w 2"]
) -> Float[Array, " b"]:
    """Peak signal-to-noise ratio in dB of ab, where the peak is `AB_PEAK`.

    With 128 for the peak, the longest that ab gets rather than its whole range, every
    score is 6.02 dB lower. The squared error counts as at least that of rounding to
    whole ab units, 1/12: an exact copy scores 58.96 dB.
    """
    error = jnp.mean(jnp.square(ab - truth), axis=(1, 2, 3))
    return 10 * jnp.log10(AB_PEAK**2 / jnp.maximum(error, 1 / 12))


def share_within(
    ab: Float[Array, "b h w 2"], truth: Float[Array, "b h w 2"], distance: float
) -> Float[Array, " b"]:
    """Share of pixels, 0 to 1, whose ab is at most `distance` ab units from the true.

    That is Delta E of 1976 of two colours of the same L.
    """
    squares = jnp.sum(jnp.square(ab - truth), axis=-1)
    return jnp.mean(squares <= distance**2, axis=(1, 2))


def larger_channel_agreement(
    ab: Float[Array, "b h w 2"], truth: Float[Array, "b h w 2"]
) -> Float[Array, " b"]:
    """Share of pixels, 0 to 1, where the larger of a and b is the same as in truth.

    It is what Keras reports as "accuracy" for a network with two output channels and a
    regression loss: categorical accuracy, the two channels taken for two classes. It
    says nothing about how close a colour is. Where a equals b, a counts as the larger.
    """
    same = jnp.argmax(ab, axis=-1) == jnp.argmax(truth, axis=-1)
    return jnp.mean(same, axis=(1, 2))
