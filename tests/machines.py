"""What each process does in test_machines.py; as a command, what one of several does.

python tests/machines.py FOLDER PHOTOS
"""

import contextlib
import functools
import itertools
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import runs
from jax.sharding import NamedSharding
from small import EMBEDDING, small_task

from colorflax import checkpoint, config
from colorflax.checkpoint import Checkpoints
from colorflax.data import library, pipeline
from colorflax.errors import UserError
from colorflax.machines import cluster, distributed, sharding
from colorflax.training import assemble, steps, train

STEPS = 10
HALF = 5  # where runs are handed over to other devices
LANES = ("jit", "pmap")


Outcome = tuple[list[float], Any]  # the loss of each step; the variables at the end


def settings(photos: str, **changes: Any) -> config.Config:
    """Four steps; squares of a little more, so that there is a choice of them."""
    fewer = {
        "data__short_side": 18, "data__validation_percent": 40.0, "train__steps": 4,
        "train__log_every": 1, "train__eval_every": 2,
    }  # fmt: skip
    return runs.settings(photos, **fewer, **changes)


@functools.cache
def _lane(parallel: str, devices: int) -> tuple[steps.Lane, NamedSharding]:
    """On the first few devices of each process, and how a state lies on them."""
    share = devices // jax.process_count()
    chosen = [d for d in jax.devices() if _number_in_process(d) < share]
    lane = steps.lane(small_task(), parallel, 0, chosen)
    return lane, sharding.replicated(sharding.mesh(chosen))


@functools.cache
def _batches(photos: str) -> list[pipeline.HostBatch]:
    """This process's share of all that is trained on, from the real pipeline."""
    data = settings(photos).data
    found = library.find(data).training
    table = np.random.default_rng(0).normal(size=(len(found), EMBEDDING))
    endless = pipeline.training_batches(
        found, table.astype(np.float32), data, seed=3, batch_size=8,
        process=jax.process_index(), processes=jax.process_count(),
    )  # fmt: skip
    return list(itertools.islice(endless, STEPS))


@functools.cache
def _start(photos: str) -> Any:
    """The state before the first step, compiled for one lane only."""
    lane, _ = _lane("jit", jax.process_count())
    return jax.device_get(lane.init(_batches(photos)[0]))


def run(
    photos: str,
    parallel: str,
    devices: int,
    *,
    since: Path | None = None,
    save: Path | None = None,
) -> Outcome:
    """Train `Small` on that many devices of all processes.

    Goes on from the checkpoint in `since`; leaves one of half-way in `save`.
    """
    lane, everywhere = _lane(parallel, devices)
    state = jax.tree.map(
        lambda x: jax.make_array_from_callback(x.shape, everywhere, lambda i: x[i]),
        _start(photos),
    )
    start = 0
    if since is not None:
        with contextlib.closing(Checkpoints(since, {}, keep=1)) as checkpoints:
            start = checkpoints.latest() or 0
            state = checkpoints.restore(start, state)
    losses = []
    for step, batch in enumerate(_batches(photos)[start:], start):
        if save is not None and step == HALF:
            with contextlib.closing(Checkpoints(save, {}, keep=1)) as checkpoints:
                checkpoints.save(step, state, None)
        with jax.transfer_guard("disallow"):
            state, scalars = lane.train_step(state, batch)
            losses.append(float(jax.device_get(scalars["loss"])))
    return losses, jax.device_get(state.variables)


def whole_run(photos: str, workdir: Path) -> dict[str, float]:
    """All of a command but its network: photographs in, a folder of results out."""
    chosen = settings(photos)
    assembled = assemble.assemble(chosen, workdir)
    return train.train(assembled._replace(task=small_task()), chosen, workdir)


def _number_in_process(device: jax.Device) -> int:
    mates = [d for d in jax.devices() if d.process_index == device.process_index]
    return mates.index(device)


def main(folder: Path, photos: str) -> None:
    """One of two processes with four devices each."""
    distributed.join(cluster.Given())
    save = {("jit", 4): folder / "from two"}
    outcomes = {
        way: run(photos, *way, save=save.get(way))
        for way in itertools.product(LANES, (2, 4, 8))
    }
    later = run(photos, "pmap", 8, since=folder / "from one")
    numbers = whole_run(photos, folder / "whole")
    # As a run that begins with another's network does, each process for itself.
    read = checkpoint.digest(checkpoint.load(folder / "whole").variables)
    distributed.agree({"what was read": read})
    refusal = ""
    try:
        distributed.agree({"this": 1, "that": jax.process_index()})
    except UserError as error:
        refusal = str(error)
    if jax.process_index() == 0:
        results = outcomes, later, numbers, read, refusal
        (folder / "results.pickle").write_bytes(pickle.dumps(results))
    distributed.barrier("results are written")
    # One fails; the other would take long to notice.
    if jax.process_index() == 0:
        time.sleep(60)
        sys.exit(4)
    sys.exit(3)


if __name__ == "__main__":
    with distributed.parting():
        main(Path(sys.argv[1]), sys.argv[2])
