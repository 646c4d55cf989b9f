"""p-values are SciPy's and keep their promise; Holm's are those of closed tests."""

import itertools

import numpy as np
import pytest
from scipy import stats

from colorflax.metrics import significance

RNG = np.random.default_rng(2)


def _total(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    return np.sum(x - y, axis=axis)


@pytest.mark.parametrize("shift", [0.0, 0.4, 2.0])
def test_few_photographs_are_scipys_exact_test(shift: float) -> None:
    x, y = RNG.normal(shift, 1, 9), RNG.normal(0, 1, 9)
    theirs = stats.permutation_test(
        (x, y), _total, permutation_type="samples", n_resamples=np.inf,
        vectorized=True,
    ).pvalue  # fmt: skip
    assert significance.sign_flip(x - y, 10, seed=0) == pytest.approx(theirs)


def test_many_photographs_come_near_it() -> None:
    x = RNG.normal(0.35, 1, 60)
    p = significance.sign_flip(x, 20_000, seed=0)
    # Sums of so many flipped values are all but normal.
    normal = 2 * stats.norm.sf(abs(x.sum()) / np.sqrt(np.sum(x**2)))
    assert p == pytest.approx(normal, rel=0.2)
    assert significance.sign_flip(-x, 20_000, seed=0) == pytest.approx(p, rel=0.1)
    assert significance.sign_flip(x + 9, 500, seed=0) == 1 / 501


def test_no_difference_is_no_find() -> None:
    for n in (5, 40):
        assert significance.sign_flip(np.zeros(n), 100, seed=0) == 1


def test_under_the_null_it_errs_as_often_as_it_says() -> None:
    ps = [significance.sign_flip(RNG.laplace(0, 1, 12), 0, 0) for _ in range(400)]
    assert 0.02 < np.mean(np.array(ps) <= 0.05) < 0.08


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = RNG.normal(0.2, 1, 30)
    whole = significance.sign_flip(x, 3001, seed=4)
    monkeypatch.setattr(significance, "_CHUNK", 30 * 1000)
    assert significance.sign_flip(x, 3001, seed=4) == whole


@pytest.mark.parametrize("m", [1, 2, 5])
def test_holm_is_the_closed_test_of_bonferroni(m: int) -> None:
    """A find is one only if every set of claims that it is in falls."""
    ps = RNG.random(m) ** 3
    ps[-1] = ps[0]
    expected = [
        max(
            min(1, len(some) * ps[list(some)].min())
            for size in range(1, m + 1)
            for some in itertools.combinations(range(m), size)
            if i in some
        )
        for i in range(m)
    ]
    np.testing.assert_allclose(significance.holm(ps), expected)
