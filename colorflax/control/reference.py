"""The colours of one photograph, or of a palette, lent to another.

The network says where each colour belongs, the reference how much of each there is; of
a palette, there is as much of each colour as the network said of what is near to it.
Each pixel's distribution is multiplied by one factor per bin, the same for all pixels,
such that together they have the shares that are wanted: iterative proportional fitting
(Deming and Stephan, 1940). Of all distributions with these shares it is nearest to what
the network said.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from colorflax import color
from colorflax.color import bins
from colorflax.control import css
from colorflax.resample import pool

_ROUNDS = 50
_LEAST = 1e-6  # of a share, so that none is 0
_SUREST = -25.0  # nats: nothing is ruled out so far that no factor could bring it back
# ab units from a colour of a palette at which another may as well be meant. Of 10 and
# 20, with the five colours of each of 60 photographs, what costs less where those of
# another are taken.
_NEAR = 10.0

Shares = Float[Array | np.ndarray, "313"]
Palette = Float[Array | np.ndarray, "k 313"]
"""Of each colour the shares of the bins around it."""


@functools.partial(jax.jit, static_argnums=1)
def shares(rgb: UInt8[Array | np.ndarray, "h w 3"], stride: int) -> Shares:
    """How much of a photograph has each colour, as a network with `stride` would say.

    Each pixel counts for the five bins around its colour, as in training.
    """
    total = jnp.sum(_encoded(pool(color.rgb_to_lab(rgb[None])[..., 1:], stride)), 0)
    return total / jnp.sum(total)


def palette(colours: Sequence[str]) -> Palette:
    """Colours as in CSS, whatever their lightness.

    Raises:
        UserError: one is no colour.
    """
    # One by one, so that another number of them is not compiled anew.
    rows = [_encoded(np.array([css.ab(x, "palette")], np.float32)) for x in colours]
    return np.concatenate(rows)


@jax.jit
def _encoded(ab: Float[Array | np.ndarray, "*n 2"]) -> Float[Array, "m 313"]:
    """The shares of the bins around each colour, in a row each."""
    indices, weights = (x.reshape(-1, x.shape[-1]) for x in bins.soft_encode(ab))
    rows = jnp.arange(len(indices))[:, None]
    return jnp.zeros((len(indices), bins.COUNT)).at[rows, indices].add(weights)


@jax.jit
def lend(
    logits: Float[Array, "1 h w 313"],
    size: Int[Array | np.ndarray, "2"],
    wanted: Shares | Palette,
    likeness: float | Float[Array, ""],
) -> Float[Array, "1 h w 313"]:
    """Logits by which the picture's colours have other shares.

    Args:
        logits: of the bins.
        size: rows and columns of it that are the picture; the rest moves along.
        wanted: shares of the reference, or a palette.
        likeness: 0 leaves the shares that the picture has, 1 takes those that are
            wanted, and what is between mixes them.
    """
    rows, columns = (
        jnp.arange(n) < m for n, m in zip(logits.shape[1:3], size, strict=True)
    )
    weights = (rows[:, None] & columns[None]).ravel() / jnp.prod(size)
    logp = jnp.maximum(jax.nn.log_softmax(logits.astype(jnp.float32)), _SUREST)
    p = jnp.exp(logp.reshape(-1, bins.COUNT))
    own = weights @ p
    if wanted.ndim == 2:
        wanted = _nearest(own, wanted)
    aim = jnp.maximum((1 - likeness) * own + likeness * wanted, _LEAST)

    def fit(_: Any, factors: jax.Array) -> jax.Array:
        return aim / ((weights / (p @ factors)) @ p)

    factors = jax.lax.fori_loop(0, _ROUNDS, fit, jnp.ones(bins.COUNT))
    return logp + jnp.log(factors)[None, None, None]


def _nearest(own: Shares, palette: Palette) -> Shares:
    """The picture's own shares, given to what is near in a palette."""
    centres = jnp.asarray(bins.CENTRES, jnp.float32)
    apart = centres[:, None] - (palette @ centres)[None]
    distance = jnp.sum(jnp.square(apart), axis=-1)
    given = jax.nn.softmax(-distance / (2 * _NEAR**2), axis=-1)
    return own @ given @ palette
