"""How much memory a training step takes: `python -m launch.memory --config=FILE`.

The step is compiled for the devices of this machine, or for those of a TPU that is not
here (`pip install libtpu`), and not run:

    python -m launch.memory --config=configs/fusion.py --topology=v5e:2x2

A row for the config, and one for each of the settings that save memory.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import flags
from jax.experimental import topologies
from ml_collections import ConfigDict, config_flags

from colorflax import cli, config
from colorflax.color import bins
from colorflax.errors import UserError
from colorflax.features.backbone import WIDTH
from colorflax.machines import sharding, xla
from colorflax.training.tasks import Colorization
from launch.markdown import markdown

_CONFIG = config_flags.DEFINE_config_file("config", None, "what would be trained")
_TOPOLOGY = flags.DEFINE_string(
    "topology", None, "of a TPU that is not here, as in v5e:2x2; the devices of this "
    "machine if not given",
)  # fmt: skip
_SAVING: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "dtype=bfloat16": {"model.dtype": "bfloat16"},
    "remat=true": {"model.remat": True},
    "accumulate=4": {"train.accumulate": 4},
}
_MIB = 2**20


def main(argv: Sequence[str]) -> None:
    """Print the table."""
    cli.need_no_arguments(argv)
    if _CONFIG.value is None:
        raise UserError("name a config, for example --config=configs/fusion.py")
    devices = _devices(_TOPOLOGY.value)
    header = ["MiB of each device", "parameters, optimiser, batch", "beside them"]
    rows = [header]
    for name, changes in _SAVING.items():
        values = ConfigDict(_CONFIG.value.to_dict())
        values.update_from_flattened_dict(dict(changes))
        held, beside = need(config.parse(values), devices)
        rows.append([name, f"{held / _MIB:,.0f}", f"{beside / _MIB:,.0f}"])
    one, batch = devices[0], _CONFIG.value.train.batch_size
    size = _CONFIG.value.data.size
    print(f"{len(devices)} x {one.device_kind}; batches of {batch} at {size} px")
    print(markdown(rows, right={1, 2}))


def need(settings: config.Config, devices: Sequence[jax.Device]) -> tuple[int, int]:
    """Bytes on each device: what a step is given, and what it takes beside that.

    What it returns lies where the state was that it was given.
    """
    task = Colorization.build(settings, np.full(bins.COUNT, 1 / bins.COUNT))
    n, size = settings.train.batch_size, settings.data.size
    batch = {"rgb": jax.ShapeDtypeStruct((n, size, size, 3), np.uint8)}
    if settings.features.name != "none":
        batch["embedding"] = jax.ShapeDtypeStruct((n, WIDTH), np.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(task.init, key, batch)
    mesh = sharding.mesh(devices)
    everywhere, split = sharding.replicated(mesh), sharding.divided(mesh)

    def step(state: Any, batch: Any, key: jax.Array) -> Any:
        return task.train_step(state, batch, key, None)

    compiled = jax.jit(
        step,
        in_shardings=(everywhere, split, everywhere),
        out_shardings=everywhere,
        donate_argnums=0,
        compiler_options=xla.options(devices[0].platform),
    ).lower(state, batch, key).compile()  # fmt: skip
    found: Any = compiled.memory_analysis()
    return found.argument_size_in_bytes, found.temp_size_in_bytes


def _devices(topology: str | None) -> Sequence[jax.Device]:
    if topology is None:
        return jax.devices()
    try:
        described = topologies.get_topology_desc(topology, platform="tpu")
    except Exception as error:  # whatever libtpu, or its absence, comes to
        why = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"--topology={topology}: {why} (it needs libtpu, and is like v5e:2x2)"
        ) from None
    found: Sequence[jax.Device] = described.devices
    return found


if __name__ == "__main__":
    cli.run(main)
