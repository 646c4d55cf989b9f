"""Train a network: python -m colorflax.main --config=configs/fusion.py."""

import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import jax
from absl import flags
from ml_collections import config_flags

from colorflax import cli, config
from colorflax.disk import lock
from colorflax.errors import UserError
from colorflax.machines import cluster, distributed
from colorflax.training import assemble, train, validation

_CONFIG = config_flags.DEFINE_config_file(
    "config", help_string="a file with get_config(), such as configs/fusion.py"
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "folder of the run; default: runs/CONFIG-WORDS"
)
_ALLOW_CHANGES = flags.DEFINE_boolean(
    "allow_changes", False, "go on with a run under changed settings"
)
_INIT_FROM = flags.DEFINE_string(
    "init_from", None, "begin with the network of this run or checkpoint; `default` is "
    "the bundled network",
)  # fmt: skip
_PROFILE = flags.DEFINE_boolean(
    "profile", False, "write a trace of a few steps into WORKDIR/profile"
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0 (or $JAX_COORDINATOR_ADDRESS)"
)
_PROCESSES = flags.DEFINE_integer(
    "processes",
    None,
    "number of processes that train together (or $JAX_NUM_PROCESSES)",
    1,
)
_PROCESS = flags.DEFINE_integer(
    "process", None, "number of this process, from 0 (or $JAX_PROCESS_ID)", 0
)
_CLUSTER = flags.DEFINE_enum(
    "cluster",
    None,
    cluster.CLUSTERS,
    "where JAX asks for --coordinator, --processes and --process",
)
_PATIENCE = flags.DEFINE_integer(
    "patience", 300, "seconds to wait for the other processes", 1
)


def main(argv: Sequence[str]) -> None:
    """Train, then say how well it went and what to do next."""
    cli.need_no_arguments(argv)
    name = _CONFIG.value and config_flags.get_config_filename(flags.FLAGS["config"])
    if not name:
        raise UserError("name a config, for example --config=configs/fusion.py")
    file, _, _ = name.partition(":")
    if not Path(file).is_file():
        raise UserError(f"{file}: no such config; is this the folder of the clone?")
    if "networks" in _CONFIG.value:
        raise UserError(
            f"{file} plans several runs: python -m launch.ablate --config={name}"
        )
    settings = config.parse(_CONFIG.value)
    workdir = cli.workdir(_WORKDIR.value, name)
    distributed.join(
        cluster.Given(
            coordinator=_COORDINATOR.value,
            processes=_PROCESSES.value,
            process=_PROCESS.value,
            cluster=_CLUSTER.value,
            patience=_PATIENCE.value,
        )
    )
    leads = jax.process_index() == 0
    with lock.hold(workdir / "lock", "--workdir") if leads else nullcontext():
        run = assemble.assemble(
            settings,
            workdir,
            allow_changes=_ALLOW_CHANGES.value,
            init_from=_INIT_FROM.value,
        )
        numbers = train.train(run, settings, workdir, profile=_PROFILE.value)
    if not leads:
        return
    print(validation.table(numbers, run.title))
    print(f"Pictures (grey | output | truth): {workdir}/pictures")
    checkpoint = shlex.quote(f"--checkpoint={workdir}")
    print(f"Colour a photograph: python -m colorflax.colorize {checkpoint} PHOTO.jpg")


if __name__ == "__main__":
    with distributed.parting():
        cli.run(main)
