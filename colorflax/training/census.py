"""How often each of the 313 bins occurs in photographs: the prior of rebalancing."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float, Int64

from colorflax import color
from colorflax.color import bins
from colorflax.data.pipeline import HostBatch
from colorflax.errors import UserError
from colorflax.resample import pool


def count(batches: Iterator[HostBatch], stride: int) -> Int64[np.ndarray, "313"]:
    """Pixels per bin, each at a head's `stride`; blanks (mask) are left out."""
    tally = jax.jit(
        lambda rgb: bins.count(pool(color.rgb_to_lab(rgb)[..., 1:], stride))
    )
    total = np.zeros(bins.COUNT, np.int64)
    for batch in batches:
        rgb = batch["rgb"]
        total += np.asarray(tally(rgb[batch["mask"]] if "mask" in batch else rgb))
    return total


def shares(counts: Int64[np.ndarray, "313"]) -> Float[np.ndarray, "313"]:
    """Counts as a distribution, float64."""
    return np.asarray(counts / counts.sum())


def read(path: Path) -> Float[np.ndarray, "313"]:
    """A prior from an .npy file, made to sum to 1.

    Raises:
        UserError: not 313 shares, none negative or infinite.
    """
    try:
        with path.open("rb") as file:
            found = np.lib.format.read_array(file, allow_pickle=False)
        prior = found.astype(np.float64, casting="safe").ravel()
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a prior that can be read ({error})") from None
    if prior.shape != (bins.COUNT,) or not (prior >= 0).all():
        raise UserError(f"{path}: a prior is {bins.COUNT} shares, none negative")
    if not 0 < prior.sum() < np.inf:
        raise UserError(f"{path}: the shares of a prior add up to {prior.sum():g}")
    return prior / prior.sum()
