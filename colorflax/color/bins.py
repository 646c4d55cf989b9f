"""The 313 ab bins of Colorful Image Colorization (arXiv 1603.08511, section 2).

A colour (a, b) becomes a distribution over bins (`soft_encode`), a network's logits
become a colour (`annealed_mean`), and rare colours get a larger say in the loss
(`rebalancing_weights`).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32

# For each a: the first and last b, in steps of 10. The order, by a then b, is that of
# the published pts_in_hull.npy, so published weights fit.
_B_RANGES = {
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100),
    -40: (-40, 100), -30: (-50, 100), -20: (-50, 100), -10: (-60, 100),
    0: (-70, 100), 10: (-80, 90), 20: (-80, 90), 30: (-90, 90), 40: (-100, 90),
    50: (-100, 80), 60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70),
    100: (-90, 0),
}  # fmt: skip

#: (313, 2) float32: the bin centres in ab units.
CENTRES = np.array(
    [(a, b) for a, (lo, hi) in _B_RANGES.items() for b in range(lo, hi + 1, 10)],
    np.float32,
)
CENTRES.setflags(write=False)
#: 313.
COUNT = len(CENTRES)
STEP = 10  # ab units between neighbours
COLDEST = 1e-6
"""Of temperatures: where the likeliest bin has all, and logits do not overflow yet."""

_SIGMA = 5.0  # ab units; section 2.1 and section 2.2
_NEAREST = 5
_EDGE = 200.0  # the lookup covers |a|, |b| <= 200 in cells of 5
_CELL = 5.0
_SIDE = int(2 * _EDGE / _CELL)
_CANDIDATES = 13


def soft_encode(
    ab: Float[Array | np.ndarray, "*batch 2"],
) -> tuple[Int32[Array, "*batch 5"], Float[Array, "*batch 5"]]:
    """Spread each colour over its five nearest bins (section 2.1).

    Exact for any colour up to 1e30, however far outside sRGB.

    Args:
      ab: ab units, about +-110 for real colours.

    Returns:
      Bin indices, nearest first, equals by index; and their weights, exp(-d^2 / 50) for
      distance d, float32, summing to 1. Never a dense 313-vector: a loss needs no more.
    """
    ab = jnp.asarray(ab, jnp.float32)
    # A far colour shares the edge cell on its ray from the origin.
    reach = jnp.max(jnp.abs(ab), axis=-1, keepdims=True)
    on_table = ab / jnp.maximum(1.0, reach / _EDGE)
    cell = jnp.floor(on_table / _CELL).astype(jnp.int32) + _SIDE // 2
    cell = jnp.clip(cell, 0, _SIDE - 1)
    packed = (
        jnp.asarray(_lookup())
        .at[cell[..., 0] * _SIDE + cell[..., 1]]
        .get(mode="promise_in_bounds")
    )
    index, a, b = _unpack(packed)

    # Squared distance less that of the first candidate, factored: subtracting two
    # large squares would leave nothing of the difference between far bins.
    distance = (a - a[..., :1]) * (a + a[..., :1] - 2 * ab[..., :1]) + (
        b - b[..., :1]
    ) * (b + b[..., :1] - 2 * ab[..., 1:])
    indices, distances = [], []
    # Five passes of argmin: lax.top_k takes twice as long on CPU.
    for _ in range(_NEAREST):
        slot = jnp.argmin(distance, axis=-1, keepdims=True)
        chosen = jax.lax.broadcasted_iota(jnp.int32, distance.shape, index.ndim - 1)
        chosen = chosen == slot
        indices.append(jnp.sum(jnp.where(chosen, index, 0), axis=-1))
        distances.append(jnp.min(distance, axis=-1))
        distance = jnp.where(chosen, jnp.inf, distance)
    excess = jnp.stack(distances, axis=-1) - distances[0][..., None]
    weights = jnp.exp(-excess / (2 * _SIGMA**2))
    return (
        jnp.stack(indices, axis=-1),
        weights / jnp.sum(weights, axis=-1, keepdims=True),
    )


def annealed_mean(
    logits: Float[Array, "*batch 313"], temperature: float | Float[Array, ""] = 0.38
) -> Float[Array, "*batch 2"]:
    """Decode a distribution over bins to one colour (section 2.3).

    Args:
      logits: unnormalised log-probabilities, any float dtype.
      temperature: positive, may be traced. 1 gives the mean, which is consistent;
        towards 0 the most likely bin, which is splotchy. 0.38 is the paper's choice.
        Low ones are livelier for networks trained with rebalancing, and duller for
        those trained without.

    Returns:
      ab, float32.
    """
    logits = logits.astype(jnp.float32)
    probability = jax.nn.softmax(logits / jnp.maximum(temperature, COLDEST), axis=-1)
    return jnp.matmul(probability, CENTRES, precision=jax.lax.Precision.HIGHEST)


def count(ab: Float[Array | np.ndarray, "*batch 2"]) -> Int32[Array, "313"]:
    """Count the colours whose nearest bin is each bin.

    Integers, so that batches add up exactly in any order; the sum over a dataset
    divided by its total is the prior. Accumulate on the host in int64.
    """
    indices, _ = soft_encode(ab)
    return jnp.bincount(indices[..., 0].ravel(), length=COUNT).astype(jnp.int32)


def smooth_prior(
    prior: Float[Array | np.ndarray, "313"], sigma: float = _SIGMA
) -> Float[np.ndarray, "313"]:
    """Blur a distribution over bins in colour space (section 2.2).

    On the host, as `rebalancing_weights`: a run needs it once, before its first step.

    Args:
      prior: non-negative; counts will do.
      sigma: of the Gaussian, in ab units, positive.

    Returns:
      float64, sums to 1: every bin hands on exactly the mass it had, at the hull too.
    """
    offsets = CENTRES[:, None].astype(np.float64) - CENTRES[None]
    kernel = np.exp(-np.sum(offsets**2, axis=-1) / (2 * sigma**2))
    prior = np.asarray(prior, np.float64)
    return (kernel / kernel.sum(axis=0)) @ (prior / prior.sum())


def rebalancing_weights(
    prior: Float[Array | np.ndarray, "313"], lam: float = 0.5, sigma: float = _SIGMA
) -> Float[np.ndarray, "313"]:
    """Weigh bins against their frequency: w ~ 1 / ((1 - lam) p + lam / 313).

    p is the smoothed prior, and sum(p w) = 1: the loss keeps its scale (section 2.2).
    A pixel takes the weight of its nearest bin, `soft_encode`'s first.

    Args:
      prior: how often each bin occurs, non-negative; counts will do.
      lam: share of the uniform distribution, in (0, 1]; 1 switches rebalancing off.
      sigma: of the smoothing, in ab units.

    Returns:
      float32, positive.
    """
    smoothed = smooth_prior(prior, sigma)
    weights = 1 / ((1 - lam) * smoothed + lam / COUNT)
    return (weights / np.sum(smoothed * weights)).astype(np.float32)


@functools.cache
def _lookup() -> np.ndarray:
    """For each cell, the bins that can be among the five nearest to a point in it.

    The difference of two squared distances is affine in the point, so a bin that is
    nearer than another at every corner of a cell is nearer all over it. A bin stays out
    of a cell when five others are nearer in this sense; at most 13 stay in. Cells at
    the edge reach outwards along their rays, in effect without end.

    Returns:
      (6400, 13) int32, packed by `_pack`, each row in the order of the bins.
    """
    steps = np.arange(_SIDE) * _CELL - _EDGE
    low = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    corners = low + _CELL * np.array([[(0, 0)], [(0, 1)], [(1, 0)], [(1, 1)]])
    at_edge = np.abs(corners).max(axis=-1, keepdims=True) == _EDGE
    far = np.where(at_edge, corners * 1e4, corners)
    edge = at_edge.any(axis=(0, 2))

    table = np.empty((len(low), _CANDIDATES), np.int32)
    # Inside, no bin past the 32 nearest can be among the five, and float32 holds every
    # distance exactly; at the edge neither is true.
    table[~edge] = _candidates(corners[:, ~edge].astype(np.float32), pool=32)
    table[edge] = _candidates(np.concatenate([corners, far])[:, edge], pool=COUNT)
    return _pack(table)


def _candidates(corners: np.ndarray, pool: int) -> np.ndarray:
    """(corners, cells, 2) -> (cells, 13) bins, ascending."""
    centres = CENTRES.astype(corners.dtype)
    square = (centres**2).sum(axis=1)
    # The mean over the corners, each scaled down so that a far one does not outvote.
    share = 1 / np.maximum(np.abs(corners).max(axis=-1, keepdims=True), 1)
    typical = share.mean(axis=0) * square - 2 * (share * corners).mean(0) @ centres.T
    order = np.argpartition(typical, (20, pool - 1), axis=1)[:, :pool].T
    a, b = centres[order].transpose(2, 0, 1)
    # Squared distances less the point's own square, which all bins share.
    x, y = corners[:, None, :, 0], corners[:, None, :, 1]
    distance = square[order] - 2 * (x * a + y * b)
    nearer = np.zeros(order.shape, np.int8)
    for rival in range(20):
        nearer += (distance[:, rival, None] + 1e-3 < distance).all(axis=0)
    possible = nearer < _NEAREST
    assert possible.sum(axis=0).max() <= _CANDIDATES
    # Impossible bins fill short rows: they are never chosen.
    slots = np.argsort(~possible, axis=0, kind="stable")[:_CANDIDATES]
    return np.sort(np.take_along_axis(order, slots, axis=0), axis=0).T


# One int32 holds a bin's index and place on the grid: one gather where three would be.
def _pack(index: np.ndarray) -> np.ndarray:
    a, b = ((CENTRES[index] + 110) // 10).astype(np.int32).transpose(2, 0, 1)
    return index.astype(np.int32) | a << 9 | b << 14


def _unpack(
    packed: Int32[Array, "*batch"],
) -> tuple[Int32[Array, "*batch"], Float[Array, "*batch"], Float[Array, "*batch"]]:
    a = (packed >> 9 & 31) * 10 - 110
    b = (packed >> 14) * 10 - 110
    return packed & 511, a.astype(jnp.float32), b.astype(jnp.float32)
