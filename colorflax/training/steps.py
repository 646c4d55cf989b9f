"""Where a task's pure functions meet devices: jit or pmap, donation, shardings.

Both lanes run the same pure step. `jit` is told how the batch lies on the mesh and XLA
works out the communication; `pmap` runs the step once per device, and the step itself
takes means over the devices by name.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from colorflax.data.pipeline import HostBatch
from colorflax.machines import sharding, xla
from colorflax.training.tasks import Numbers, Task


class Lane(NamedTuple):
    """Compiled functions over host batches; states stay on the devices.

    The state given to `train_step` is donated: only the returned one is valid after.
    `eval_step` gives numbers, pictures and the batch's mask, of all processes.
    """

    init: Callable[[HostBatch], Any]
    train_step: Callable[[Any, HostBatch], tuple[Any, dict[str, jax.Array]]]
    eval_step: Callable[[Any, HostBatch], tuple[Numbers, jax.Array, jax.Array]]


def lane(
    task: Task,
    parallel: str,
    seed: int,
    devices: Sequence[jax.Device] | None = None,
) -> Lane:
    """Compile a task.

    Args:
        task: pure functions.
        parallel: jit or pmap, of the training step.
        seed: of the initial state and of every step's key.
        devices: all devices of all processes if None.
    """
    mesh = sharding.mesh(devices)
    everywhere, split = sharding.replicated(mesh), sharding.divided(mesh)
    put = functools.partial(sharding.put, sharding=split)
    # Given to the programs, not part of them: another seed is not compiled anew.
    seeds = sharding.put({"seed": np.asarray(seed, np.uint32)}, everywhere)["seed"]
    platform = mesh.devices.flat[0].platform

    def train_step(
        state: Any, batch: Any, seed: jax.Array, axis: str | None = None
    ) -> Any:
        # A function of the step number, so that resuming needs no saved key.
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        return task.train_step(state, batch, key, axis)

    def eval_step(state: Any, batch: Any) -> Any:
        return *task.eval_step(state, batch), batch["mask"]

    if parallel == "jit":
        step = jax.jit(
            train_step,
            in_shardings=(everywhere, split, everywhere),
            out_shardings=everywhere,
            donate_argnums=0,
            compiler_options=xla.options(platform),
        )

        def share(batch: HostBatch) -> HostBatch:
            return batch

    else:
        step = jax.pmap(
            functools.partial(train_step, axis=sharding.AXIS),
            axis_name=sharding.AXIS,
            devices=devices,
            in_axes=(None, 0, None),
            out_axes=None,
            donate_argnums=0,
        )

        def share(batch: HostBatch) -> HostBatch:
            n = len(mesh.local_devices)
            return {k: v.reshape(n, -1, *v.shape[1:]) for k, v in batch.items()}

    init = jax.jit(
        lambda batch, seed: task.init(jax.random.key(seed), batch),
        out_shardings=everywhere,
        # It runs once; for random numbers LLVM would take seconds to save no time.
        compiler_options={"xla_backend_optimization_level": 1}
        if platform == "cpu"
        else None,
    )
    evaluate = jax.jit(
        eval_step,
        in_shardings=(everywhere, split),
        out_shardings=everywhere,
        compiler_options=xla.options(platform),
    )
    return Lane(
        init=lambda batch: init(put(batch), seeds),
        train_step=lambda state, batch: step(state, put(share(batch)), seeds),
        eval_step=lambda state, batch: evaluate(state, put(batch)),
    )
