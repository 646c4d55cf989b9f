"""Who is shown which pairs, in which order, and on which side: all planned beforehand.

Nobody sees a photograph twice, for the second time tells which colours are its own.
From sitting to sitting the systems change places, so that as many of them as there are
systems show every photograph in every system's colours.
"""

from typing import NamedTuple

import numpy as np


class Pair(NamedTuple):
    """A photograph in its own colours and in those of a system, beside each other."""

    photo: int  # number of the photograph
    system: int  # whose colours the other has
    left: bool  # whether these are on the left


def plan(photos: int, systems: int, sittings: int, seed: int) -> list[list[Pair]]:
    """The pairs of each sitting, in order.

    In each of them every photograph is shown once, every system as often as the others,
    and its colours as often on the left as on the right, or once more.

    Args:
        photos: how many; a multiple of `systems`.
        systems: how many.
        sittings: how many.
        seed: the same one plans the same.
    """
    assert photos % systems == 0, (photos, systems)
    rng = np.random.default_rng(seed)
    group = rng.permutation(photos) % systems
    return [
        _dealt((group + n) % systems, systems, n // systems % 2, rng)
        for n in range(sittings)
    ]


def practice(pairs: int, systems: int, seed: int) -> list[Pair]:
    """As many pairs of other photographs, in order, the same for everybody."""
    rng = np.random.default_rng(seed)
    return _dealt(np.arange(pairs) % systems, systems, 0, rng)


def _dealt(
    system: np.ndarray, systems: int, odd: int, rng: np.random.Generator
) -> list[Pair]:
    """Photographs, of which each has its system, on sides and in an order by chance.

    Args:
        system: of each photograph.
        systems: how many there are.
        odd: 1 where the odd one of a system is on the left.
        rng: for both.
    """
    pairs = []
    for s in range(systems):
        shown = np.flatnonzero(system == s)
        left = rng.permutation(len(shown)) < (len(shown) + odd) // 2
        pairs += [Pair(int(n), s, bool(x)) for n, x in zip(shown, left, strict=True)]
    return [pairs[i] for i in rng.permutation(len(pairs))]
