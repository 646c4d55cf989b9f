"""The loop: evaluate, save, take the next batch, step, log. It knows a task only."""

import math
from pathlib import Path
from typing import Any

import jax

from colorflax import config, distributed, evaluate, steps
from colorflax.assemble import Run
from colorflax.checkpoint import Checkpoints
from colorflax.errors import UserError
from colorflax.writers import Progress, Silence, Writers, say

_SHEET_ROWS = 8


def train(run: Run, settings: config.Config, workdir: Path) -> dict[str, float]:
    """Train, or go on with, the run in `workdir`; returns the last evaluation.

    What a resumed run starts from: (1) the state of the newest complete checkpoint;
    (2) its step, which fixes the next batch and the next random key. Nothing else is
    carried: on a CPU an interrupted run ends in the same bits as any other.

    Raises:
        UserError: a number of a step is not finite.
    """
    timing = settings.train
    lane = steps.lane(run.task, timing.parallel, settings.seed)
    checkpoints = Checkpoints(workdir, keep=timing.keep)
    state = lane.init(next(run.evaluation_batches()))
    start = step = checkpoints.latest() or 0
    distributed.agree({"the newest checkpoint": start})
    if start:
        state = checkpoints.restore(start, state)
    first = jax.process_index() == 0  # the one that reports
    if start and first:
        going_on = f"going on from step {start} of {timing.steps}"
        done = f"already at step {start}, nothing to train"
        say(f"{workdir}: {going_on if start < timing.steps else done}")
    writers = Writers(workdir, start) if first else Silence()
    progress = Progress(start, timing.steps, timing.batch_size, shown=first)
    batches = run.training_batches(start)
    numbers: dict[str, float] = {}
    pending: tuple[int, Any] | None = None

    def settle() -> None:
        """Read the numbers of the step before, by now surely computed."""
        nonlocal pending
        if pending is None:
            return
        done, scalars = pending
        pending = None
        values = {k: float(v) for k, v in jax.device_get(scalars).items()}
        for name, value in values.items():
            if not math.isfinite(value):
                saved = checkpoints.latest()
                raise UserError(
                    f"{name} became {value} at step {done}; "
                    + (f"the checkpoint of step {saved} is good; " if saved else "")
                    + "try a lower --config.optim.learning_rate in another --workdir"
                )
        line = done % timing.log_every == 0 or done == timing.steps
        rate = progress.step(done, values, line=line)
        if line:
            scalars = {f"train/{k}": v for k, v in values.items()}
            writers.scalars(done, scalars | {"train/images_per_s": rate})

    try:
        with jax.transfer_guard("disallow"):
            while True:
                last = step >= timing.steps
                fresh = step > start
                look = last or (fresh and step % timing.eval_every == 0)
                save = fresh and (last or step % timing.save_every == 0)
                if look or save:
                    settle()
                if look:
                    seen = evaluate.evaluate(lane, state, run.evaluation_batches())
                    numbers = seen.numbers
                if look and fresh:
                    writers.scalars(step, {f"eval/{k}": v for k, v in numbers.items()})
                    writers.pictures(step, seen.pictures[:_SHEET_ROWS])
                if save:
                    score = numbers[run.task.score] if look else None
                    checkpoints.save(step, state, run.about, score)
                if last:
                    break
                if look or save:
                    progress.restart_clock(step)
                batch = next(batches)
                state, scalars = lane.train_step(state, batch)
                settle()
                step += 1
                pending = step, scalars
    finally:
        progress.close()
        writers.close()
        checkpoints.close()
    return numbers
