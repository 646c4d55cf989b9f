"""What training looks at between steps: every photograph once, and the table of it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from colorflax.data.pipeline import HostBatch
from colorflax.metrics import AB_PEAK
from colorflax.training.steps import Lane


class Validation(NamedTuple):
    """Of one state on one split."""

    numbers: dict[str, float]
    pictures: np.ndarray  # of the first batch: uint8, a row for each example


def validate(lane: Lane, state: Any, batches: Iterable[HostBatch]) -> Validation:
    """Mean of each of the task's numbers over all examples whose mask is True.

    A number that none of them has is left out.
    """
    columns: dict[str, list[float]] = {}
    shown: list[np.ndarray] = []

    def read(found: Any, pictures: Any, there: Any) -> None:
        numbers, mask = jax.device_get((found, there))
        if not shown:
            shown.append(jax.device_get(pictures)[mask])
        for name, number in numbers.items():
            values, exists = number if isinstance(number, tuple) else (number, True)
            columns.setdefault(name, []).extend(values[mask & exists].tolist())

    pending = None
    for batch in batches:
        judged = lane.eval_step(state, batch)
        if pending is not None:  # while the devices are at the next
            read(*pending)
        pending = judged
    assert pending is not None, "a split is never empty"
    read(*pending)
    means = {
        n: math.fsum(column) / len(column) for n, column in columns.items() if column
    }
    return Validation(means, *shown)


class _Row(NamedTuple):
    """How the table shows a number of the task."""

    name: str
    label: str
    form: str  # of both numbers
    compare: Callable[[float, float], str]  # with grey's


def _times(ours: float, grey: float) -> str:
    return f"{ours / grey:.2f} times"


def _more(ours: float, grey: float) -> str:
    return f"{ours - grey:+.2f}"


def _points(ours: float, grey: float) -> str:
    return f"{100 * (ours - grey):+.1f} points"


_ROWS = (
    _Row("mse", "MSE of ab, (ab/127)^2", ".5f", _times),
    _Row("psnr", "PSNR of RGB, dB", ".2f", _more),
    _Row("ab_psnr", f"PSNR of ab, dB, peak {AB_PEAK:g}", ".2f", _more),
    _Row("within_5", "Pixels within 5 ab units", ".1%", _points),
    _Row("within_10", "Pixels within 10 ab units", ".1%", _points),
    _Row("larger_channel_agreement", "Keras 'accuracy' *", ".1%", _points),
)


def table(numbers: Mapping[str, float], title: str) -> str:
    """The scores beside those of leaving the photographs grey."""
    if numbers["grey_mse"] < 1e-6:  # a tenth of a unit of ab
        return f"{title}: they are grey, so there is no colour to compare with"
    lines = [title, f"{'':26}{'colorflax':>11}{'left grey':>11}"]
    for row in _ROWS:
        ours, grey = numbers[row.name], numbers["grey_" + row.name]
        scores = f"{row.label:26}{ours:11{row.form}}{grey:11{row.form}}"
        lines.append(f"{scores}   {row.compare(ours, grey)}")
    lines.append("* share of pixels where the larger of a, b is the same")
    if "scene_accuracy" in numbers:
        right, usual = numbers["scene_accuracy"], numbers["chance_accuracy"]
        lines.append(
            f"Scenes named right: {right:.1%}; "
            f"the most frequent one named always: {usual:.1%}"
        )
    return "\n".join(lines)
