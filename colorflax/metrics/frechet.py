"""How far one set of pictures is from another: the Frechet distance of their features.

arXiv 1706.08500, equation 6. It is of sets, not of photographs: a single picture has
none, and a resample holds copies, which makes it larger, so it gets no interval.
"""

import numpy as np
from jaxtyping import Float


def distance(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """Squared distance of the normal distributions that have the means and covariances
    of two samples: |mx - my|^2 + tr(Cx + Cy - 2 sqrt(Cx Cy)).

    The last trace is the sum of the singular values of X Y^T, where the rows of X and Y
    are the samples less their means: no root of a matrix is taken, which is exact also
    where there are fewer samples than features.

    Args:
        x: features of one set, a row each.
        y: those of the other.

    Returns:
        At least 0; NaN where a set has less than two.
    """
    if min(len(x), len(y)) < 2:
        return float("nan")
    (mx, X), (my, Y) = _moments(x), _moments(y)
    overlap = np.linalg.svd(X @ Y.T, compute_uv=False).sum()
    apart = np.sum((mx - my) ** 2) + np.sum(X**2) + np.sum(Y**2) - 2 * overlap
    return float(max(0, apart))


def _moments(
    x: Float[np.ndarray, "n d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "k d"]]:
    """The mean, and some X whose X^T X is the covariance."""
    n, d = x.shape
    mean = x.mean(axis=0, dtype=np.float64)
    X = (x - mean) / np.sqrt(n - 1)
    return mean, np.asarray(np.linalg.qr(X, mode="r")) if n > d else X
