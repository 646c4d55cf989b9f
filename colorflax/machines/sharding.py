"""Devices as a mesh, and host batches laid out over it."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

AXIS = "data"


def mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """`devices`, or all devices of all processes, in one row."""
    # Not jax.make_mesh, which may put them in another order than pmap does.
    row = np.asarray(jax.devices() if devices is None else devices)
    return Mesh(row, (AXIS,), axis_types=(AxisType.Auto,))


def replicated(devices: Mesh) -> NamedSharding:
    """The same on every device."""
    return NamedSharding(devices, PartitionSpec())


def divided(devices: Mesh) -> NamedSharding:
    """The leading axis divided over the devices."""
    return NamedSharding(devices, PartitionSpec(AXIS))


def put(batch: dict[str, np.ndarray], sharding: NamedSharding) -> dict[str, Any]:
    """This process's share of a batch -> global arrays."""
    # With several processes JAX takes this for an implicit transfer; it is the one
    # place where batches are meant to cross.
    with jax.transfer_guard_host_to_device("allow"):
        return {
            name: jax.make_array_from_process_local_data(sharding, value)
            for name, value in batch.items()
        }


def anywhere(holds: Callable[[], bool]) -> Callable[[], bool]:
    """Whether `holds()` in any process: a question that all answer alike.

    All processes ask at the same place of their program. The answer is worked out in
    turn with what else the devices were given, and waited for when it is read; so one
    that is read after the next step was dispatched costs no time. With one process it
    is `holds` itself, and as new as the reading.
    """
    if jax.process_count() == 1:
        return holds
    devices = mesh()
    votes = np.full(len(devices.local_devices), holds())
    asked = put({"votes": votes}, divided(devices))
    answer = _any(asked["votes"], replicated(devices))
    return lambda: bool(jax.device_get(answer))


@functools.partial(jax.jit, static_argnums=1)
def _any(votes: jax.Array, where: NamedSharding) -> jax.Array:
    return jax.lax.with_sharding_constraint(jnp.any(votes), where)
