"""The mean of networks that were trained on from the same one: one in place of several.

They end in one valley, and what each has learnt by heart averages out (model soups,
arXiv 2203.05482). It costs nothing to run, where an ensemble costs each of them.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from colorflax import checkpoint
from colorflax.errors import UserError


def mean(each: Sequence[checkpoint.Saved]) -> checkpoint.Saved:
    """The mean of parameters and statistics; a single network as it is.

    Config, prior and step are those of the first.

    Args:
        each: runs that began with the same network, and perhaps that one.

    Raises:
        UserError: two began with different numbers, or saw different photographs.
    """
    first, *others = each
    if not others:
        return first
    roots = _roots(first)
    for other in others:
        roots = roots & _roots(other)
        if not roots:
            raise UserError(
                f"--checkpoint: {other.path} did not begin with the network that "
                f"{first.path} began with, so that their mean is none; give runs of "
                "the same --init_from"
            )
        if other.about.get("photographs") != first.about.get("photographs"):
            raise UserError(
                f"--checkpoint: {other.path} was trained on other photographs than "
                f"{first.path}, and what one has set aside the other may know"
            )
    parts = [
        {"name": x.path.parent.parent.name, "step": x.step, "sha256": _digest(x)}
        for x in each
    ]
    about = {k: v for k, v in first.about.items() if k != "exported"}
    return checkpoint.Saved(
        first.path, first.step, about | {"mean_of": parts}, _mean(each)
    )


def _mean(each: Sequence[checkpoint.Saved]) -> Any:
    # In float64, so that the order in which they are named makes no difference.
    return jax.tree.map(
        lambda *x: np.mean(np.stack(x), axis=0, dtype=np.float64).astype(np.float32),
        *(jax.device_get(saved.variables) for saved in each),
    )


def _roots(saved: checkpoint.Saved) -> set[str]:
    """What the network may have in common with others: itself, and where it began."""
    began = saved.about.get("init_from")
    return {_digest(saved)} | ({began["sha256"]} if began else set())


def _digest(saved: checkpoint.Saved) -> str:
    return checkpoint.digest(saved.variables)
