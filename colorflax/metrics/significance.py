"""Is a difference on the same photographs more than luck? Sign flips, and Holm.

Were two systems alike, each photograph's difference would as well have had the other
sign. So p is the share of all ways to flip them that come to a sum as far from 0 as the
one that was seen. Nothing is assumed about how differences are distributed.
"""

import numpy as np
from jaxtyping import Float

EXACT = 16
"""Up to so many photographs all ways are counted."""

_CHUNK = 1 << 22  # flips held at a time
_SLACK = 1e-12  # of the sum of sizes: sums that are equal but for rounding are equal


def sign_flip(differences: Float[np.ndarray, " n"], flips: int, seed: int) -> float:
    """Two-sided p of a sum (or mean) of paired differences.

    Exact for at most `EXACT` photographs. For more, p is that of `flips` random ways
    and of the one that was seen, (1 + hits) / (1 + flips): never 0, and on the safe
    side.

    Args:
        differences: of each photograph.
        flips: how many random ways.
        seed: the same one flips the same photographs, whatever the differences.
    """
    x = np.asarray(differences, float)
    n = len(x)
    seen = abs(x.sum()) - _SLACK * np.abs(x).sum()
    if n <= EXACT:
        ways = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float(np.mean(np.abs((1 - 2 * ways) @ x) >= seen))
    rng = np.random.default_rng(seed)
    hits, step = 0, max(1, _CHUNK // n)
    for start in range(0, flips, step):
        ways = rng.integers(0, 2, (min(step, flips - start), n), np.int8)
        hits += int(np.sum(np.abs(x.sum() - 2 * (ways @ x)) >= seen))
    return (1 + hits) / (1 + flips)


def holm(ps: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Each p adjusted so that one false find among all m is as rare as it says.

    Holm (1979): sorted, the smallest times m, the next times m - 1, and so on, none
    less than the one before it nor more than 1.
    """
    order = np.argsort(ps, kind="stable")
    times = np.arange(len(ps), 0, -1)
    adjusted = np.minimum(1, np.maximum.accumulate(ps[order] * times))
    found = np.empty(len(ps))
    found[order] = adjusted
    return found
