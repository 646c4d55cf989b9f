"""Photographs that are nearly the same, found among many without comparing all."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt8, UInt64

_CHUNK = 2**16  # pairs compared at once; bounds the memory


def pairs(
    hashes: UInt64[np.ndarray, " n"], distance: int
) -> Int[np.ndarray, "pairs 2"]:
    """All i < j whose hashes differ in at most `distance` of 64 bits, sorted.

    Cut into distance + 1 bands, two such hashes agree in one band at least. So each
    band is sorted in turn, and only neighbours with an equal band are compared.
    """
    edges = np.linspace(0, 64, distance + 2).astype(np.uint64)
    found = [np.zeros((0, 2), np.int64)]
    for low, high in itertools.pairwise(edges):
        band = (hashes >> low) & np.uint64(2 ** int(high - low) - 1)
        order = np.argsort(band, kind="stable")
        places = np.arange(len(order) - 1)
        step = 1
        while len(places):
            places = places[places + step < len(order)]
            i, j = order[places], order[places + step]
            places = places[band[i] == band[j]]
            i, j = order[places], order[places + step]
            near = np.bitwise_count(hashes[i] ^ hashes[j]) <= distance
            found.append(np.sort(np.stack([i[near], j[near]], axis=1), axis=1))
            step += 1
    return np.unique(np.concatenate(found), axis=0)


def near_duplicates(
    dhashes: Sequence[int],
    thumbnails: UInt8[np.ndarray, "n 192"],
    distance: int,
    tolerance: float,
) -> dict[int, int]:
    """Which photographs repeat an earlier one, and which one that is.

    Put the photographs that should stay first. Each is compared with those that stay
    only, so a long series of small changes is thinned out, not dropped whole.

    Args:
        dhashes: 64 bits each.
        thumbnails: 8 x 8 RGB each.
        distance: bits that may differ.
        tolerance: levels of 255, root mean square, that thumbnails may differ: equal
            hashes of plain skies and white backgrounds are common.
    """
    candidates = pairs(np.array(dhashes, np.uint64), distance)
    repeats: dict[int, int] = {}
    for start in range(0, len(candidates), _CHUNK):
        chunk = candidates[start : start + _CHUNK]
        a, b = (thumbnails[side].astype(np.float32) for side in chunk.T)
        same = np.sqrt(((a - b) ** 2).mean(axis=1)) <= tolerance
        for first, second in chunk[same].tolist():
            if first not in repeats:
                repeats.setdefault(second, first)
    return repeats
