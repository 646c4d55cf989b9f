"""Which of several processes this one is, from flags, variables and launchers.

Nothing is looked up in a network here.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import NamedTuple

from colorflax.errors import UserError

CLUSTERS = ("slurm", "ompi", "k8s", "gcetpu", "gketpu", "mpi4py")
"""Surroundings that JAX can ask who the processes are, by its names for them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """What a command was told about the processes; None where it was told nothing."""

    coordinator: str | None = None  # HOST:PORT, on the machine of process 0
    processes: int | None = None  # how many there are
    process: int | None = None  # which of them this one is, from 0
    cluster: str | None = None  # one of CLUSTERS, asked for what is not given
    patience: float = 300  # seconds to wait for the others


class Place(NamedTuple):
    """One of several processes; JAX asks `cluster` for what is None."""

    coordinator: str | None
    processes: int | None
    process: int | None
    cluster: str | None


def find(given: Given, variables: Mapping[str, str]) -> Place | None:
    """This process's place among several; None if it is alone.

    Flags go before JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, and
    these before what srun and mpirun say in variables of their own.

    Raises:
        UserError: there are several, but what is said is incomplete or contradictory.
    """

    def number(flag: int | None, *names: str) -> int | None:
        said = [variables[name] for name in names if name in variables]
        if flag is not None or not said:
            return flag
        if not said[0].isdecimal():
            raise UserError(f"{' or '.join(names)} should be a number, not {said[0]!r}")
        return int(said[0])

    coordinator = given.coordinator or variables.get("JAX_COORDINATOR_ADDRESS")
    processes = number(given.processes, "JAX_NUM_PROCESSES", "OMPI_COMM_WORLD_SIZE")
    process = number(given.process, "JAX_PROCESS_ID", "OMPI_COMM_WORLD_RANK")
    cluster = given.cluster or _launcher(variables)
    if coordinator is not None and not re.fullmatch(r".+:\d{1,5}", coordinator):
        raise UserError(f"--coordinator={coordinator} should be HOST:PORT")
    if process is not None and process >= (processes or process + 1):
        raise UserError(f"--process={process} is not below --processes={processes}")
    said = {
        "--coordinator=HOST:PORT": coordinator,
        "--processes=N": processes,
        "--process=I": process,
    }
    missing = [flag for flag, value in said.items() if value is None]
    if processes == 1 or (cluster is None and len(missing) == len(said)):
        return None
    if missing and cluster is None:
        raise UserError(
            f"several processes need all of {', '.join(said)}; "
            f"missing here: {', '.join(missing)}"
        )
    # Where nothing is missing nobody is asked: JAX would let it choose devices too.
    return Place(coordinator, processes, process, cluster if missing else None)


def _launcher(variables: Mapping[str, str]) -> str | None:
    """Who started several processes, and can tell each where the others are."""
    if "OMPI_MCA_orte_hnp_uri" in variables:  # also where mpirun runs inside SLURM
        return "ompi"
    # SLURM_NTASKS is also set in the shell of a job, where there is one process.
    return "slurm" if variables.get("SLURM_STEP_NUM_TASKS", "1") != "1" else None
