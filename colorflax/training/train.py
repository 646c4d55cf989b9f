"""The loop: evaluate, save, take the next batch, step, log. It knows a task only."""

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax

from colorflax import checkpoint, config
from colorflax.checkpoint import Checkpoints
from colorflax.coloring import strangers
from colorflax.disk import files
from colorflax.errors import Stopped, UserError
from colorflax.machines import distributed, sharding, signals
from colorflax.training import speed, steps, validation
from colorflax.training.assemble import Run
from colorflax.training.speed import tracing
from colorflax.training.writers import Progress, Silence, Writers, say

_SHEET_ROWS = 8


def train(
    run: Run, settings: config.Config, workdir: Path, *, profile: bool = False
) -> dict[str, float]:
    """Train, or go on with, the run in `workdir`; returns the last evaluation.

    With `profile`, a trace of a few steps is left in WORKDIR/profile.

    What a resumed run starts from: (1) the state of the newest complete checkpoint;
    (2) its step, which fixes the next batch and the next random key. Nothing else is
    carried: on a CPU an interrupted run ends in the same bits as any other.

    Raises:
        UserError: a number of a step is not finite, or a checkpoint cannot be saved.
        Stopped: SIGTERM, SIGUSR1 or SIGINT came; the state it had reached is saved.
    """
    timing = settings.train
    lane = steps.lane(run.task, timing.parallel, settings.seed)
    sign = -run.task.scores[timing.best]  # checkpoints take the lowest for the best
    with contextlib.ExitStack() as stack:
        request = stack.enter_context(signals.caught())
        about = run.about | {"strangers": strangers(run.task)}
        _need_same_strangers(workdir, about["strangers"])
        checkpoints = Checkpoints(workdir, about, keep=timing.keep)
        stack.callback(checkpoints.close)
        example = next(run.evaluation_batches())  # of the shapes of all
        state = lane.init(example)
        start = step = checkpoints.latest() or 0
        distributed.agree({"the newest checkpoint": start})
        first = jax.process_index() == 0  # the one that reports
        # Nothing up to here is to be evaluated. What a network is worth before it is
        # trained further should be known, what random numbers are need not.
        judged = -1 if run.about.get("init_from") else 0
        if start:
            state = checkpoints.restore(start, state)
            # A run that was asked to stop saved before it evaluated.
            judged = start if checkpoints.scored(start) else start - 1
        else:
            state = run.start.of(state)
            if first:
                say(f"{workdir}: begins with {run.start.words}")
        if start and first:
            going_on = f"going on from step {start} of {timing.steps}"
            done = f"already at step {start}, nothing to train"
            say(f"{workdir}: {going_on if start < timing.steps else done}")
        writers = Writers(workdir, start) if first else Silence()
        if first:
            content = json.dumps(settings.to_dict(), indent=1).encode()
            files.write(workdir / "config.json", content)
        stack.callback(writers.close)
        work = speed.UNKNOWN
        if first and start < timing.steps:
            work = speed.measure(run.task, example, settings.model.dtype)
            say(f"{workdir}: {work}")
        if profile and first:
            trace = tracing.traced(lane, workdir / "profile", start, timing.steps)
            lane = stack.enter_context(trace)
        progress = Progress(
            start, timing.steps, timing.batch_size, rates=work.rates, shown=first
        )
        stack.callback(progress.close)
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
            _need_finite(values, done, checkpoints.latest())
            line = done % timing.log_every == 0 or done == timing.steps
            values |= progress.step(done, values, line=line)
            if line:
                writers.scalars(done, {f"train/{k}": v for k, v in values.items()})

        def wanted() -> bool:
            """Whether any process was asked to stop, known at once."""
            return sharding.anywhere(request)()

        stack.enter_context(jax.transfer_guard("disallow"))
        asked = sharding.anywhere(request)
        while True:
            stop = asked()
            last = step >= timing.steps
            fresh, new = step > start, step > judged
            look = last or (new and step % timing.eval_every == 0)
            save = fresh and (last or step % timing.save_every == 0)
            if look or save or stop:
                settle()
            if look and not stop:
                until = _until(wanted, run.evaluation_batches())
                seen = validation.validate(lane, state, until)
                numbers = seen.numbers
                stop = wanted()  # and so the numbers may be those of a part
            score = sign * numbers[timing.best] if look and not stop else None
            if score is not None and new:
                writers.scalars(step, {f"eval/{k}": v for k, v in numbers.items()})
                writers.pictures(step, seen.pictures[:_SHEET_ROWS])
            # What was judged is kept, for it may be the best.
            if save or (fresh and (stop or score is not None)):
                checkpoints.save(step, state, score)
            elif score is not None and new and step == start > 0:
                checkpoints.score(step, score)
            if last or stop:
                break
            if look or save:
                progress.restart_clock(step)
            # Asked before the step and answered after it, for what came in between.
            asked = sharding.anywhere(request)
            batch = next(batches)
            state, scalars = lane.train_step(state, batch)
            settle()
            checkpoints.check()
            step += 1
            pending = step, scalars
    if stop:
        raise Stopped(
            f"{workdir}: stopped at step {step} of {timing.steps}; nothing is lost, "
            "the same command goes on",
            request.code,
        )
    return numbers


def _need_same_strangers(workdir: Path, now: list[str]) -> None:
    """Refuse to go on with another network or objective than the config names."""
    before = (checkpoint.remembered(workdir) or {}).get("strangers", now)
    if before != now:
        then, this = (" and ".join(x) or "what its config names" for x in (before, now))
        raise UserError(
            f"{workdir} holds a run with {then}, and this one is with {this}; name "
            "another folder for a new run"
        )


def _until(wanted: Callable[[], bool], batches: Iterable[Any]) -> Iterator[Any]:
    for batch in batches:
        yield batch
        if wanted():
            return


def _need_finite(values: dict[str, float], step: int, saved: int | None) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise UserError(
                f"{name} became {value} at step {step}; "
                + (f"the checkpoint of step {saved} is good; " if saved else "")
                + "try a lower --config.optim.learning_rate in another --workdir"
            )
