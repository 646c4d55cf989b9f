"""What is known of photographs before anybody colours them: baselines, what is rare."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from colorflax import config
from colorflax.color import bins
from colorflax.contest import judge
from colorflax.data import pipeline
from colorflax.data.library import Division
from colorflax.data.photographs import Photographs
from colorflax.data.pipeline import HostBatch, Vectors

BASELINES = ("grey", "mean", "random")

_MEAN_OF = 1_000  # training photographs at most whose mean colour is taken


class Known(NamedTuple):
    """Of the photographs that are judged, and of those that may have been learnt from.

    Attributes:
        weights: of each bin in the rebalanced AuC.
        mean: the mean ab of what may have been learnt from.
        usual: how many pixels of each bin there are in that.
        seen: how many photographs that is.
        own: whether they are those that are judged, for want of others.
    """

    weights: Float[np.ndarray, "313"]
    mean: Float[np.ndarray, "2"]
    usual: Int[np.ndarray, "313"]
    seen: int
    own: bool


def survey(
    sides: Division, settings: config.Data, mode: str, batch_size: int, seed: int
) -> Known:
    """Look at all that are judged, and at a thousand at most of the others."""
    photos, training = sides.validation, sides.training
    if mode == "full":
        counts, total = _added(judge.colours(np.asarray(x.open())) for x in photos)
    else:
        counts, total = _colours(photos, settings, batch_size)
    usual, seen = counts, len(photos)
    own = bool(np.array_equal(training.digests, photos.digests))
    if not own:
        drawn = np.random.default_rng(seed).permutation(len(training))
        some = training[np.sort(drawn[:_MEAN_OF])]
        seen = len(some)
        usual, total = _colours(some, settings, batch_size)
    mean = (total / usual.sum()).astype(np.float32)
    return Known(rarity(counts), mean, usual, seen, own)


def rarity(counts: Int[np.ndarray, "313"]) -> Float[np.ndarray, "313"]:
    """The weight of each bin in the rebalanced AuC, 1 in the mean over pixels.

    The inverse of the smoothed share, with nothing of the uniform mixed in: equation 4
    of arXiv 1603.08511 with lambda = 0. Bins that do not occur have no weight.
    """
    shares = counts / counts.sum()
    smooth = bins.smooth_prior(shares)
    weights = np.where(counts > 0, 1 / np.where(counts > 0, smooth, 1), 0)
    return (weights / (shares @ weights)).astype(np.float32)


def partners(n: int, seed: int) -> Int[np.ndarray, " n"] | None:
    """For each of n another one, each taken once; None where there is no other."""
    if n < 2:
        return None
    order = np.random.default_rng(seed).permutation(n)
    partner = np.empty(n, np.int64)
    partner[order] = np.roll(order, 1)
    return partner


def squares(
    photos: Photographs, embeddings: Vectors, settings: config.Data, batch_size: int
) -> Iterator[HostBatch]:
    """Batches of square views."""
    return pipeline.evaluation_batches(
        photos, embeddings, settings, batch_size=batch_size
    )


def _colours(
    photos: Photographs, settings: config.Data, batch_size: int
) -> judge.Colours:
    batches = squares(photos, None, settings, batch_size)
    return _added(judge.colours_of_squares(b["rgb"][b["mask"]]) for b in batches)


def _added(found: Iterator[judge.Colours]) -> judge.Colours:
    counts, total = np.zeros(bins.COUNT, np.int64), np.zeros(2)
    for count, ab in found:
        counts += count
        total += ab
    return counts, total
