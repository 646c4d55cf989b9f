"""Colours that a person has set at some points, spread over what belongs to them.

What is spread is the difference from the network's colours: least squares make it
alike where neighbours are alike in lightness (Levin, Lischinski and Weiss, SIGGRAPH
2004), and small where nothing asks for it. So a point moves the thing that it lies on,
and the network still colours the rest.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from colorflax.control import css
from colorflax.control.order import Hint
from colorflax.errors import UserError

# L units between neighbours at which they have little to do with each other. Of 2 to
# 10, about the best for 1, 3 and 10 points of true colour on 60 photographs.
_EDGE = 6.0
_LEAST = 1e-4  # of a tie, so that none is cut
_FIRM = 1e3  # how much more a point counts than a tie


def moved(
    ab: Float[np.ndarray, "h w 2"],
    L: Float[np.ndarray, "h w"],
    cells: Int[np.ndarray, "n 2"],
    colours: Float[np.ndarray, "n 2"],
) -> Float[np.ndarray, "h w 2"]:
    """A small picture's colours, moved to be `colours` at `cells`.

    Args:
        ab: CIE units.
        L: 0 to 100.
        cells: row and column of each point; of several in one the mean counts.
        colours: ab of each.
    """
    # It takes a quarter of a second to import, and few pictures have points.
    from scipy import sparse
    from scipy.sparse import linalg

    h, w = L.shape
    places = np.ravel_multi_index(tuple(cells.T), (h, w))
    firm = _FIRM * np.bincount(places, minlength=h * w)
    wanted = np.zeros((h * w, 2))
    np.add.at(wanted, places, _FIRM * (colours - ab.reshape(-1, 2)[places]))
    one, other, tie = _ties(L)
    both = np.concatenate([one, other]), np.concatenate([other, one])
    weights = sparse.csr_array((np.concatenate([tie, tie]), both), (h * w, h * w))
    # Over about the length of the picture, what is spread fades.
    ties = sparse.diags_array(weights.sum(axis=1) + firm + 1 / (h * w)) - weights
    difference = linalg.spsolve(ties.tocsc(), wanted)
    return ab + difference.reshape(h, w, 2).astype(ab.dtype)


def _ties(
    L: Float[np.ndarray, "h w"],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Neighbours i, j and w_ij of sum w_ij |x_i - x_j|^2; each has eight of them."""
    h, w = L.shape
    number = np.arange(h * w).reshape(h, w)
    pairs = [
        (number[:, 1:], number[:, :-1], 1.0),
        (number[1:], number[:-1], 1.0),
        (number[1:, 1:], number[:-1, :-1], 2**0.5),
        (number[1:, :-1], number[:-1, 1:], 2**0.5),
    ]
    one = np.concatenate([a.ravel() for a, _, _ in pairs])
    other = np.concatenate([b.ravel() for _, b, _ in pairs])
    far = np.concatenate([np.full(a.size, length) for a, _, length in pairs])
    step = (L.ravel()[one] - L.ravel()[other]) / _EDGE
    return one, other, (np.exp(-(step**2) / 2) + _LEAST) / far


def cells(
    hints: Sequence[Hint],
    size: tuple[int, int],
    extent: tuple[float, float],
    grid: tuple[int, int],
) -> Int[np.ndarray, "n 2"]:
    """Row and column of the small picture under each point.

    Args:
        hints: px of the large picture.
        size: width and height of that.
        extent: how much of the small picture shows it, width and height.
        grid: rows and columns of the small picture.

    Raises:
        UserError: a point lies outside.
    """
    w, h = size
    for hint in hints:
        if not (0 <= hint.x < w and 0 <= hint.y < h):
            raise UserError(
                f"hint {hint.x:g},{hint.y:g},{hint.colour} lies outside of the "
                f"picture, which is {w} x {h} px"
            )
    x, y = np.array([hint[:2] for hint in hints], float).reshape(-1, 2).T
    rows, columns = (y + 0.5) / h * extent[1], (x + 0.5) / w * extent[0]
    last = np.array(grid) - 1
    return np.minimum(np.stack([rows, columns], axis=1).astype(int), last)


def colours(hints: Sequence[Hint]) -> Float[np.ndarray, "n 2"]:
    """ab of each, whatever its lightness: the picture keeps its own.

    Raises:
        UserError: one is no colour.
    """
    found = [css.ab(h.colour, f"hint {h.x:g},{h.y:g},{h.colour}") for h in hints]
    return np.array(found, np.float32).reshape(-1, 2)
