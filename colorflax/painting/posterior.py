"""What a distribution over the 313 bins says beyond its mean: doubt, and other colours.

The density that a network states is taken as even within each bin's 10 x 10 square.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from colorflax.color import bins

_LOW = tuple(map(float, bins.CENTRES.min(axis=0)))
_SIDES = tuple((bins.CENTRES.max(axis=0) - _LOW).astype(int) // bins.STEP + 1)
# Where each bin lies on the rectangle of a x b that encloses them.
_PLACE = np.ravel_multi_index(
    tuple(((bins.CENTRES - _LOW) / bins.STEP).astype(int).T), _SIDES
)
_WAVES = 64


def confidence(
    logits: Float[Array, "*batch 313"],
) -> Float[Array, "*batch"]:
    """1 where one bin has all the probability, 0 where all 313 have the same.

    It is 1 less the entropy as a share of log 313.
    """
    logp = jax.nn.log_softmax(logits)
    entropy = -jnp.sum(jnp.exp(logp) * logp, axis=-1)
    return jnp.clip(1 - entropy / np.log(bins.COUNT), 0, 1)


def draw(
    logits: Float[Array, "b h w 313"], key: jax.Array, length: float = 0.5
) -> tuple[Float[Array, "b h w 2"], Float[Array, "b h w"]]:
    """One colouring from the distribution of every pixel, coherent over the picture.

    A pixel takes the colour at its own quantiles of two smooth random fields, first of
    a and then of b where a is known. So each pixel for itself is an exact draw, and
    neighbours that the network thinks alike come out alike.

    Args:
        logits: of the bins.
        key: of the fields.
        length: over which the fields change, as a share of the longer side.

    Returns:
        ab; and the logarithm of the probability of the bin that it falls into.
    """
    p = jax.nn.softmax(logits)
    dense = jnp.zeros((*p.shape[:-1], np.prod(_SIDES)), p.dtype).at[..., _PLACE].set(p)
    dense = dense.reshape(*p.shape[:-1], *_SIDES)
    u, v = (_field(k, p.shape[:3], length) for k in jax.random.split(key))
    i, a = _quantile(dense.sum(axis=-1), u)
    row = jnp.take_along_axis(dense, i[..., None, None], axis=-2)[..., 0, :]
    j, b = _quantile(row, v)
    chosen = jnp.take_along_axis(row, j[..., None], axis=-1)[..., 0]
    a, b = (x * bins.STEP + low for x, low in zip((a, b), _LOW, strict=True))
    ab = jnp.stack([a, b], axis=-1)
    return ab, jnp.log(jnp.maximum(chosen, jnp.finfo(p.dtype).tiny))


def _quantile(
    p: Float[Array, "b h w n"], u: Float[Array, "b h w"]
) -> tuple[jax.Array, jax.Array]:
    """Which of n cells holds the quantile u, and its place; cell i is i - 1/2..i + 1/2.

    p need not sum to 1.
    """
    cumulative = jnp.cumsum(p, axis=-1)
    target = u[..., None] * cumulative[..., -1:]
    # Of empty cells none is chosen, however the sums are rounded.
    past = (cumulative > target) & (p > 0)
    last = p.shape[-1] - 1 - jnp.argmax(p[..., ::-1] > 0, axis=-1)
    i = jnp.where(past.any(axis=-1), jnp.argmax(past, axis=-1), last)

    def at(x: jax.Array) -> jax.Array:
        return jnp.take_along_axis(x, i[..., None], axis=-1)[..., 0]

    share = 1 - (at(cumulative) - target[..., 0]) / at(p)
    return i, i - 0.5 + jnp.clip(share, 0, 1)


def _field(
    key: jax.Array, shape: tuple[int, ...], length: float
) -> Float[Array, "b h w"]:
    """Even in [0, 1] at each pixel, and alike at pixels nearer than `length`."""
    b, h, w = shape
    scale = length * max(h, w)
    turn, start = jax.random.split(key)
    y, x = jnp.arange(h, dtype=jnp.float32), jnp.arange(w, dtype=jnp.float32)
    frequency = jax.random.normal(turn, (2, b, 1, 1, _WAVES)) / scale
    phase = jax.random.uniform(start, (b, 1, 1, _WAVES), maxval=2 * np.pi)
    wave = frequency[0] * y[None, :, None, None] + frequency[1] * x[None, None, :, None]
    # Many random waves add up to a Gaussian process (Rahimi and Recht, 2007).
    normal = np.sqrt(2 / _WAVES) * jnp.sum(jnp.cos(wave + phase), axis=-1)
    return jax.scipy.stats.norm.cdf(normal)
