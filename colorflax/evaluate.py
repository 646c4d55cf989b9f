"""One exact pass over a split: every photograph counted once."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from colorflax.steps import HostBatch, Lane


def evaluate(lane: Lane, state: Any, batches: Iterable[HostBatch]) -> dict[str, float]:
    """Mean of each of the task's numbers over all examples whose mask is True."""
    columns: dict[str, list[float]] = {}
    for batch in batches:
        numbers, mask = jax.device_get(lane.eval_step(state, batch))
        for name, values in numbers.items():
            columns.setdefault(name, []).extend(values[mask].tolist())
    return {name: math.fsum(column) / len(column) for name, column in columns.items()}


def table(numbers: Mapping[str, float], title: str) -> str:
    """The two scores beside those of leaving the photographs grey."""
    rows = (
        ("MSE of ab, in (ab/127)^2", "mse", ".5f"),
        ("PSNR of RGB, dB", "psnr", ".2f"),
    )
    lines = [title, f"{'':28}{'colorflax':>11}{'grey':>11}{'ratio':>9}"]
    for label, name, form in rows:
        ours, grey = numbers[name], numbers["grey_" + name]
        lines.append(f"{label:28}{ours:>11{form}}{grey:>11{form}}{ours / grey:>9.2f}")
    return "\n".join(lines)
