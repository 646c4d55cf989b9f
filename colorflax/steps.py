"""Where a task's pure functions meet devices: jit or pmap, donation, shardings.

Both lanes run the same pure step. `jit` is told how the batch lies on the mesh and XLA
works out the communication; `pmap` runs the step once per device, and the means inside
it communicate by name.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from colorflax import sharding
from colorflax.tasks import Task

HostBatch = dict[str, np.ndarray]


class Lane(NamedTuple):
    """Compiled functions over host batches; states stay on the devices.

    The state given to `train_step` is donated: only the returned one is valid after.
    """

    init: Callable[[HostBatch], Any]
    train_step: Callable[[Any, HostBatch], tuple[Any, dict[str, jax.Array]]]
    eval_step: Callable[[Any, HostBatch], dict[str, jax.Array]]
    render: Callable[[Any, HostBatch], jax.Array]


def lane(task: Task, parallel: str, seed: int) -> Lane:
    """`parallel` is jit or pmap; `seed` fixes initialisation and every step's key."""
    devices = sharding.mesh()
    everywhere, split = sharding.replicated(devices), sharding.split(devices)

    def key(stream: int, step: Any) -> jax.Array:
        return jax.random.fold_in(
            jax.random.fold_in(jax.random.key(seed), stream), step
        )

    def train_step(state: Any, batch: Any, mean: Any) -> Any:
        # The key is a function of the step, so resuming needs no saved key.
        return task.train_step(state, batch, key(1, state.step), mean)

    # Made once from a fixed picture size on one device's worth of shapes: how a run
    # starts does not depend on how many devices it has.
    init = jax.jit(lambda batch: task.init(key(0, 0), batch), out_shardings=everywhere)

    def put(batch: HostBatch) -> dict[str, jax.Array]:
        return sharding.put(batch, split)

    look = functools.partial(
        jax.jit, in_shardings=(everywhere, split), out_shardings=everywhere
    )
    evaluate, render = look(task.eval_step), look(task.render)

    if parallel == "jit":
        step = jax.jit(
            functools.partial(train_step, mean=lambda tree: tree),
            in_shardings=(everywhere, split),
            out_shardings=(everywhere, everywhere),
            donate_argnums=0,
        )
        train = lambda state, batch: step(state, put(batch))  # noqa: E731
    else:
        mean = functools.partial(jax.lax.pmean, axis_name=sharding.AXIS)
        mapped = jax.pmap(
            functools.partial(train_step, mean=mean),
            axis_name=sharding.AXIS,
            in_axes=(None, 0),
            out_axes=None,
            donate_argnums=0,
        )

        def train(state: Any, batch: HostBatch) -> Any:
            n = jax.local_device_count()
            shares = {k: v.reshape(n, -1, *v.shape[1:]) for k, v in batch.items()}
            return mapped(state, put(shares))

    return Lane(
        init=lambda batch: init(jax.device_put(batch)),
        train_step=train,
        eval_step=lambda state, batch: evaluate(state, put(batch)),
        render=lambda state, batch: render(state, put(batch)),
    )
