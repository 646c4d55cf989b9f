"""Whether a distribution over the 313 bins may be believed."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from colorflax.color import bins
from colorflax.resample import pool

BINS = 15
"""Equal steps of the probability of the likeliest bin, 0 to 1."""


def sums(
    logits: Float[Array, "#b #h_s #w_s 313"],
    ab: Float[Array, "b h w 2"],
    stride: int,
    mask: Bool[Array, "b h_s w_s"],
) -> dict[str, Float[Array, "b ..."]]:
    """What the logits say about the true colours, summed over their own pixels.

    The truth of a pixel is the bin nearest to the mean colour it covers. The logits are
    taken as they are, at no temperature.

    Args:
        logits: of the bins, of each pixel or the same for many.
        ab: true colours; their edge is repeated to fill the last pixels of the head.
        stride: pixels of `ab` per pixel of the head.
        mask: pixels of the head that count.

    Returns:
        bits: -log2 of the probability of the true bin, (b,); pixels: how many, (b,);
        stated, right, pixels_at: (b, 15) for each step of the stated confidence the sum
        of it, how often the likeliest bin was the true one, and how many pixels.
    """
    true = bins.soft_encode(pool(ab, stride))[0][..., 0]
    logp = jax.nn.log_softmax(logits.astype(jnp.float32))
    bits = -jnp.take_along_axis(logp, true[..., None], axis=-1)[..., 0] / np.log(2)
    stated = jnp.exp(jnp.max(logp, axis=-1))
    right = jnp.argmax(logits, axis=-1) == true
    step = jnp.clip(jnp.ceil(stated * BINS).astype(jnp.int32) - 1, 0, BINS - 1)
    here = jax.nn.one_hot(step, BINS) * mask[..., None]
    return {
        "bits": jnp.sum(jnp.where(mask, bits, 0), axis=(1, 2)),
        "pixels": jnp.sum(mask.astype(jnp.float32), axis=(1, 2)),
        "stated": jnp.sum(here * stated[..., None], axis=(1, 2)),
        "right": jnp.sum(here * right[..., None], axis=(1, 2)),
        "pixels_at": jnp.sum(here, axis=(1, 2)),
    }


def error(sums: Float[np.ndarray, "*n 45"]) -> Float[np.ndarray, "*n"]:
    """Expected calibration error (Guo et al. 2017): stated, right and pixels, 15 each.

    The mean distance between confidence and share right over the 15 steps, each step
    weighted by its pixels; 0 to 1.
    """
    stated, right, pixels = np.split(sums, 3, axis=-1)
    gap = np.abs(stated - right).sum(axis=-1)
    total = pixels.sum(axis=-1)
    return np.where(total > 0, gap / np.where(total > 0, total, 1), np.nan)
