"""What training leaves out at random; each photograph draws for itself."""

import itertools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


class Dropout:
    """Features of a photograph set to 0, the others made larger by as much.

    Flax draws for the batch as it lies in the program, so that a photograph's draw
    would depend on how the batch is divided over devices. Here it comes from a key of
    its own, and from how many draws there were before it.

    Args:
        keys: one for each photograph; None leaves nothing out.
        rate: the share that is left out.
    """

    def __init__(self, keys: Key[Array, " b"] | None, rate: float):
        self._keys = keys if rate else None
        self._rate = rate
        self._drawn = itertools.count()

    def channels(self, x: Float[Array, "b *hw c"]) -> Float[Array, "b *hw c"]:
        """Each channel is kept or left out as a whole (arXiv 1411.4280)."""
        factors = self._draw(x, x.shape[-1])
        return x if factors is None else x * factors

    def branch(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 1 1 1"] | None:
        """What a branch of `x` is multiplied by (arXiv 1603.09382); None is by 1."""
        return self._draw(x, 1)

    def _draw(self, x: Array, n: int) -> Array | None:
        """0 or more than 1, (b, 1, ..., n), in the dtype of `x`."""
        number, kept = next(self._drawn), 1 - self._rate
        if self._keys is None:
            return None

        def draw(key: Key[Array, ""]) -> Array:
            return jax.random.bernoulli(jax.random.fold_in(key, number), kept, (n,))

        factors = jnp.where(jax.vmap(draw)(self._keys), 1 / kept, 0).astype(x.dtype)
        return factors.reshape(len(x), *(1,) * (x.ndim - 2), n)
