"""How much work a training step is, and what share of the devices' peak that takes."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from colorflax.training.speed.peaks import peak
from colorflax.training.tasks import Task


class Work(NamedTuple):
    """One training step on all devices of all processes.

    Attributes:
        flops: floating-point operations; None where they cannot be counted.
        peak: FLOP/s of the devices; None where that of their kind is not known.
    """

    flops: float | None
    peak: float | None

    def __str__(self) -> str:
        """For the start of a run."""
        if self.flops is None:
            return "nothing here can count the operations of a step"
        text = f"a step is {self.flops / 1e9:,.4g} GFLOPs"
        if self.peak is None:
            return text
        return f"{text}, and the peak of the devices {self.peak / 1e12:,.4g} TFLOP/s"

    def rates(self, steps_per_second: float) -> dict[str, float]:
        """What is known of `flops`, and of `utilisation`, a share of the peak."""
        known = {} if self.flops is None else {"flops": self.flops}
        if self.flops is None or self.peak is None:
            return known
        return known | {"utilisation": steps_per_second * self.flops / self.peak}


UNKNOWN = Work(None, None)


def measure(task: Task, batch: Mapping[str, np.ndarray], dtype: str) -> Work:
    """The work of a step of `task` on all devices, all of one kind.

    Args:
        task: what is trained.
        batch: this process's share of a step; only its shapes matter.
        dtype: float32 or bfloat16, of the network.
    """
    devices = jax.devices()
    one = peak(devices[0].device_kind, dtype)
    return Work(count(task, batch), None if one is None else one * len(devices))


def count(task: Task, batch: Mapping[str, np.ndarray]) -> float | None:
    """`operations` of a training step over the batches of all processes.

    What is done over again to save memory does not change their number.
    """
    share = jax.process_count()
    shapes = {
        name: jax.ShapeDtypeStruct((len(x) * share, *x.shape[1:]), x.dtype)
        for name, x in batch.items()
    }
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(task.init, key, shapes)
    # XLA counts a loop's body once, however often it runs.
    step = functools.partial(task.undivided().train_step, axis=None)
    return operations(step, state, shapes, key)


def operations(function: Callable[..., Any], *shapes: Any) -> float | None:
    """Floating-point operations of a function; None where nothing can count them.

    A multiply-add is two. They are those of the program as it is written down: nothing
    is compiled, and what XLA makes of it on some device does not change their number.
    """
    try:
        # JAX counts without compiling on a CPU only; one is there beside a GPU or TPU
        # unless JAX_PLATFORMS keeps it away.
        cpu = jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None
    with jax.default_device(cpu):
        # Not for the CPU, where some convolutions are written as fewer products.
        program = jax.jit(function).trace(*shapes).lower(lowering_platforms=("tpu",))
        costs = program.cost_analysis()
    return None if costs is None else float(costs["flops"])
