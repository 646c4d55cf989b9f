"""Devices as a mesh, and host batches laid out over it."""

from collections.abc import Sequence
from typing import Any

import jax
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


def split(devices: Mesh) -> NamedSharding:
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
