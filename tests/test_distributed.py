"""Who is one of several processes, and what happens where they cannot meet."""

import re
import socket
import subprocess
import sys
from typing import Any

import jax
import pytest

from colorflax.errors import UserError
from colorflax.machines import cluster, distributed
from colorflax.machines.cluster import Given, Place

HERE = "host:1234"
SRUN = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1", "SLURM_NTASKS": "4"}
MPIRUN = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"}
MPIRUN_4 = MPIRUN | {"OMPI_MCA_orte_hnp_uri": "1;tcp://10.0.0.1:1"}
JAX = {
    "JAX_COORDINATOR_ADDRESS": HERE,
    "JAX_NUM_PROCESSES": "2",
    "JAX_PROCESS_ID": "0",
}


@pytest.mark.parametrize(
    ("given", "variables", "place"),
    [
        ({}, {}, None),
        ({"coordinator": HERE, "processes": 2, "process": 1}, {}, (HERE, 2, 1, None)),
        ({}, JAX, (HERE, 2, 0, None)),
        ({"process": 1}, JAX, (HERE, 2, 1, None)),
        ({}, JAX | SRUN, (HERE, 2, 0, None)),
        ({"processes": 1}, JAX, None),
        ({}, SRUN, (None, None, None, "slurm")),
        ({"coordinator": HERE}, SRUN, (HERE, None, None, "slurm")),
        # The shell of a SLURM job, and a single task.
        ({}, {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, None),
        ({}, SRUN | {"SLURM_STEP_NUM_TASKS": "1"}, None),
        ({}, MPIRUN_4, (None, 4, 1, "ompi")),
        ({}, MPIRUN_4 | SRUN, (None, 4, 1, "ompi")),
        ({"coordinator": HERE}, MPIRUN, (HERE, 4, 1, None)),
        ({"cluster": "gcetpu"}, {}, (None, None, None, "gcetpu")),
        # A notebook in Kubernetes is alone.
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, None),
    ],
)
def test_who_we_are(
    given: dict[str, Any], variables: dict[str, str], place: tuple[Any, ...] | None
) -> None:
    expected = None if place is None else Place(*place)
    assert cluster.find(Given(**given), variables) == expected


@pytest.mark.parametrize(
    ("given", "variables", "message"),
    [
        ({"coordinator": HERE}, {}, "missing here: --processes=N, --process=I"),
        ({"process": 0}, {}, "missing here: --coordinator=HOST:PORT, --processes=N"),
        ({}, MPIRUN, "missing here: --coordinator=HOST:PORT"),
        ({"coordinator": "host"}, {}, "--coordinator=host should be HOST:PORT"),
        ({"process": 2}, JAX, "--process=2 is not below --processes=2"),
        ({}, JAX | {"JAX_PROCESS_ID": "one"}, "JAX_PROCESS_ID .*not 'one'"),
    ],
)
def test_what_cannot_be(
    given: dict[str, Any], variables: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        cluster.find(Given(**given), variables)


def test_alone_nobody_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in JAX:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jax.distributed, "initialize", None)
    distributed.join(Given())
    distributed.barrier("alone")
    distributed.agree({"anything": object})


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        place = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UserError, match=f"{place}: process 0 cannot use this port"):
            distributed.join(Given(coordinator=place, processes=2, process=0))


def test_nobody_there() -> None:
    """JAX alone would end in a trace of C++, after five minutes."""
    code = (
        "from colorflax.machines import cluster, distributed\n"
        "distributed.join(cluster.Given(coordinator='127.0.0.1:9', processes=2, "
        "process=1, patience=0.5))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(
        r"colorflax: the 2 processes did not all come to 127\.0\.0\.1:9 within 0\.5 "
        r"seconds; .*\n",
        done.stderr,
    )
