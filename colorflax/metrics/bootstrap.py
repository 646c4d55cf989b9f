"""How far a number would move had other photographs been drawn: the bootstrap.

Photographs are resampled, never pixels, which are not independent of each other. All
numbers of all systems share the same resamples, so differences are paired.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

LEVEL = 0.95

Finish = Callable[[np.ndarray], np.ndarray]
"""(..., k) sums over photographs -> (...) the number; 0 / 0 may be NaN."""

_CHUNK = 1 << 24  # draws held at a time


def ratio(sums: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n"]:
    """The mean of values whose sum and number these are; NaN of none."""
    value, number = sums[..., 0], sums[..., 1]
    return np.where(number > 0, value / np.where(number > 0, number, 1), np.nan)


def resample(
    parts: Float[np.ndarray, "n k"], resamples: int, seed: int
) -> Float[np.ndarray, "resamples k"]:
    """The sums over photographs of as many draws of n of them, with replacement.

    Args:
        parts: what each of n photographs adds to each sum.
        resamples: how many draws.
        seed: the same one draws the same photographs, whatever the parts.
    """
    n = len(parts)
    rng = np.random.default_rng(seed)
    found = []
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        drawn = rng.integers(0, n, (min(step, resamples - start), n))
        rows = np.arange(len(drawn))[:, None] * n
        times = np.bincount((drawn + rows).ravel(), minlength=drawn.size)
        found.append(times.reshape(drawn.shape).astype(float) @ parts)
    return np.concatenate(found)


def interval(values: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """The percentile interval at `LEVEL` of what resamples came to.

    Resamples that are NaN, having no photograph with the number, are left out; NaN
    where all are.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
