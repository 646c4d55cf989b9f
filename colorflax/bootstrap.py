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


def interval(
    parts: Float[np.ndarray, "n k"], finish: Finish, resamples: int, seed: int
) -> tuple[float, float]:
    """The percentile interval of `finish(parts.sum(0))`, at `LEVEL`.

    Args:
        parts: what each of n photographs adds.
        finish: what the sums become.
        resamples: each draws n photographs with replacement.
        seed: the same one draws the same photographs, whatever the parts.

    Returns:
        Both ends; NaN where no resample has the number, or there is one photograph.
    """
    n = len(parts)
    if n < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    found = []
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        drawn = rng.integers(0, n, (min(step, resamples - start), n))
        rows = np.arange(len(drawn))[:, None] * n
        times = np.bincount((drawn + rows).ravel(), minlength=drawn.size)
        found.append(finish(times.reshape(drawn.shape).astype(float) @ parts))
    values = np.concatenate(found)
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
