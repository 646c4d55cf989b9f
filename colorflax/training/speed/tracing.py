"""A few training steps of a run as a trace: what the devices did when."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from colorflax.training.steps import HostBatch, Lane
from colorflax.training.writers import say

_LAST, _STEPS = 15, 5


@contextlib.contextmanager
def traced(lane: Lane, folder: Path, start: int, total: int) -> Iterator[Lane]:
    """`lane`, with the trace of some of its training steps left in `folder`.

    Args:
        lane: of a run.
        folder: for the files of `jax.profiler`.
        start: the step from which the run goes on.
        total: the step at which it ends.
    """
    first, last = window(total - start)
    taken, running = 0, False

    def stop() -> None:
        nonlocal running
        if running:
            running = False
            jax.profiler.stop_trace()
            say(
                f"{folder}: a trace of what was done from step {start + first + 1} to "
                f"{start + taken}; see the trace.json.gz in it at ui.perfetto.dev"
            )

    def train_step(state: Any, batch: HostBatch) -> Any:
        nonlocal taken, running
        if taken == first < last:
            jax.block_until_ready(state)  # the steps before it are not part of it
            # With every call of Python there would be a million events: the most.
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0
            jax.profiler.start_trace(folder, profiler_options=options)
            running = True
        with jax.profiler.StepTraceAnnotation("step", step_num=start + taken + 1):
            result = lane.train_step(state, batch)
        taken += 1
        if taken == last:
            jax.block_until_ready(result)
            stop()
        return result

    try:
        yield lane._replace(train_step=train_step)
    finally:
        stop()


def window(steps: int) -> tuple[int, int]:
    """Which of so many steps to trace: from one, counted from 0, up to another.

    Late enough for the first to be over, which compiles, where there is more than one.
    """
    last = min(_LAST, steps)
    return max(last - _STEPS, min(1, steps - 1), 0), last
