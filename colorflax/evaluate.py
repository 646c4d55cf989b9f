"""One exact pass over a split: every photograph counted once."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from colorflax.steps import HostBatch, Lane


def evaluate(lane: Lane, state: Any, batches: Iterable[HostBatch]) -> dict[str, float]:
    """Mean of each of the task's numbers over all examples whose mask is True."""
    totals: dict[str, list[float]] = {}
    for batch in batches:
        batch = dict(batch)
        mask = batch.pop("mask")
        numbers = jax.device_get(lane.eval_step(state, batch))
        for name, values in numbers.items():
            totals.setdefault(name, []).extend(np.asarray(values, np.float64)[mask])
    return {name: math.fsum(v) / len(v) for name, v in totals.items()}


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
