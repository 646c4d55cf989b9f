"""A batch worked off in pieces, one after another, for the memory of one of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Batch = dict[str, jax.Array]


def mean(function: Callable[[Batch], Any], batch: Batch, pieces: int) -> Any:
    """The mean of `function` over equal pieces of a batch.

    Args:
        function: of a batch; gives a tree of floating-point arrays, such as a loss and
            its gradient, whose shapes do not depend on how many examples there are.
        batch: arrays whose leading axis `pieces` divides.
        pieces: how many; 1 is `function(batch)` itself.
    """
    if pieces == 1:
        return function(batch)
    # Every so manieth example: where the batch is divided over devices, each device
    # has its share of all pieces, and nothing is sent between them.
    divided = {
        name: jnp.moveaxis(x.reshape(-1, pieces, *x.shape[1:]), 1, 0)
        for name, x in batch.items()
    }

    def add(total: Any, piece: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, function(piece)), None

    first = jax.eval_shape(function, {name: x[0] for name, x in divided.items()})
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), first)
    total, _ = jax.lax.scan(add, zeros, divided)
    return jax.tree.map(lambda x: x / pieces, total)
