"""Intervals are SciPy's, and shrink and shift as intervals do."""

import numpy as np
import pytest
from scipy import stats

from colorflax.metrics import bootstrap

RNG = np.random.default_rng(1)


def _interval(
    parts: np.ndarray, finish: bootstrap.Finish, resamples: int, seed: int
) -> tuple[float, float]:
    return bootstrap.interval(finish(bootstrap.resample(parts, resamples, seed)))


def _parts(values: np.ndarray) -> np.ndarray:
    return np.stack([values, np.ones_like(values)], axis=1)


def test_interval_of_a_mean_is_scipys() -> None:
    values = RNG.gamma(2, 5, 40)
    ours = _interval(_parts(values), bootstrap.ratio, 2000, seed=3)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert ours == pytest.approx((theirs.low, theirs.high), rel=1e-9)
    assert ours[0] < values.mean() < ours[1]


def test_interval_of_a_ratio_is_scipys() -> None:
    parts = RNG.gamma(2, 5, (40, 2))
    ours = _interval(parts, bootstrap.ratio, 2000, seed=3)
    theirs = stats.bootstrap(
        tuple(parts.T), lambda x, y, axis: x.sum(axis) / y.sum(axis), paired=True,
        n_resamples=2000, method="percentile", rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert ours == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = _parts(RNG.random(30))
    whole = bootstrap.resample(parts, 501, seed=0)
    monkeypatch.setattr(bootstrap, "_CHUNK", 30 * 100)
    again = bootstrap.resample(parts, 501, seed=0)
    np.testing.assert_allclose(again, whole, rtol=1e-12)
    assert len(np.unique(whole[:, 0])) > 490


def test_paired_differences_are_narrower() -> None:
    """What two systems share, the difficulty of a photograph, cancels."""
    hard = RNG.normal(0, 10, 50)
    better = hard + RNG.normal(1, 0.1, 50)
    parts = np.concatenate([_parts(better), _parts(hard)], axis=1)

    def less(sums: np.ndarray) -> np.ndarray:
        return bootstrap.ratio(sums[..., :2]) - bootstrap.ratio(sums[..., 2:])

    low, high = _interval(parts, less, 2000, seed=0)
    assert 0.9 < low < high < 1.1
    low, high = _interval(_parts(hard), bootstrap.ratio, 2000, seed=0)
    assert high - low > 2


def test_values_that_are_missing() -> None:
    parts = np.array([[3.0, 1], [5.0, 1], [0, 0], [0, 0]])
    assert bootstrap.ratio(parts.sum(axis=0)) == 4
    low, high = _interval(parts, bootstrap.ratio, 500, seed=0)
    assert (low, high) == (3, 5)
    none = np.zeros((4, 2))
    assert np.isnan(_interval(none, bootstrap.ratio, 9, seed=0)).all()
