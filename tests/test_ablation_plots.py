"""What the plots of an ablation show: counts, and curves where they should be."""

import numpy as np
import pytest

from launch.ablation import axes, scores


def test_counts_are_numpys() -> None:
    rng = np.random.default_rng(0)
    ab, truth = rng.uniform(-100, 100, (2, 3, 50, 2))
    edges = np.arange(-scores.LIMIT, scores.LIMIT + 1, scores.CELL)
    b, a = ab[..., 1].ravel(), ab[..., 0].ravel()
    expected, _, _ = np.histogram2d(b, a, bins=(edges, edges))
    np.testing.assert_array_equal(scores.plane(ab), expected)
    assert scores.plane(np.array([[-200.0, 200.0]]))[-1, 0] == 1
    distance = np.linalg.norm(ab - truth, axis=-1).ravel()
    steps = [*range(scores.FARTHEST + 1), np.inf]
    expected, _ = np.histogram(distance, bins=steps)
    np.testing.assert_array_equal(scores.errors(ab, truth), expected)


@pytest.mark.parametrize("log", [False, True])
def test_curves_are_where_they_should_be(log: bool) -> None:
    """A line from corner to corner passes through the middle of the frame."""
    x = np.array([0.0, 1.0])
    y = np.array([1e-3, 1e-1]) if log else np.array([0.0, 1.0])
    picture = axes.draw("title", "x", "y", {"one": (x, y)}, log=log)
    black = np.asarray(picture.convert("L")) < 100
    left, top, wide, high = axes._LEFT, axes._TOP, axes._WIDE, axes._HIGH
    for share in (0.25, 0.5, 0.75):
        column = black[top + 4 : top + high - 4, round(left + share * wide)]
        (rows,) = np.nonzero(column)
        assert abs(rows.mean() + 4 - (1 - share) * high) < 2
