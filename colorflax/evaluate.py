"""One exact pass over a split: every photograph counted once."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from colorflax.steps import HostBatch, Lane


def evaluate(lane: Lane, state: Any, batches: Iterable[HostBatch]) -> dict[str, float]:
    """Mean of each of the task's numbers over all examples whose mask is True.

    A number that none of them has is left out.
    """
    columns: dict[str, list[float]] = {}
    for batch in batches:
        numbers, mask = jax.device_get(lane.eval_step(state, batch))
        for name, number in numbers.items():
            values, exists = number if isinstance(number, tuple) else (number, True)
            columns.setdefault(name, []).extend(values[mask & exists].tolist())
    return {
        name: math.fsum(column) / len(column)
        for name, column in columns.items()
        if column
    }


def table(numbers: Mapping[str, float], title: str) -> str:
    """The two scores beside those of leaving the photographs grey."""
    mse, grey_mse = numbers["mse"], numbers["grey_mse"]
    if grey_mse < 1e-6:  # a tenth of a unit of ab
        return f"{title}: they are grey, so there is no colour to compare with"
    psnr, grey_psnr = numbers["psnr"], numbers["grey_psnr"]
    lines = [
        title,
        f"{'':26}{'colorflax':>11}{'left grey':>11}",
        f"{'MSE of ab, (ab/127)^2':26}{mse:11.5f}{grey_mse:11.5f}"
        f"   {mse / grey_mse:.2f} times",
        f"{'PSNR of RGB, dB':26}{psnr:11.2f}{grey_psnr:11.2f}"
        f"   {psnr - grey_psnr:+.2f}",
    ]
    if "scene_accuracy" in numbers:
        right, usual = numbers["scene_accuracy"], numbers["chance_accuracy"]
        lines.append(
            f"Scenes named right: {right:.1%}; "
            f"the most frequent one named always: {usual:.1%}"
        )
    return "\n".join(lines)
