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
    found = []
    for n in range(sittings):
        system = (group + n) % systems
        pairs = []
        for s in range(systems):
            shown = np.flatnonzero(system == s)
            left = rng.permutation(len(shown)) < (len(shown) + n % 2) // 2
            pairs += [
                Pair(int(photo), s, bool(side))
                for photo, side in zip(shown, left, strict=True)
            ]
        found.append([pairs[i] for i in rng.permutation(photos)])
    return found
