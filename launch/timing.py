"""Contestants in turn, in one process, and their medians side by side."""

import statistics
import time
from collections.abc import Callable

import jax


def interleave(
    functions: dict[str, Callable[[], object]], rounds: int
) -> dict[str, float]:
    """Median seconds per call, round robin.

    An untimed call goes before each timed one. It pays for the compilation, and for
    what the function before has left in caches and waiting threads.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            jax.block_until_ready(function())
            start = time.perf_counter()
            jax.block_until_ready(function())
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def report(title: str, seconds: dict[str, float]) -> None:
    """Print one line per contestant, with its time as a multiple of ours."""
    print(title)
    for name, median in seconds.items():
        ratio = median / seconds["colorflax"]
        print(f"  {name:<14} {median * 1e3:9.2f} ms  {ratio:7.1f}x")
