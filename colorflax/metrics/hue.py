"""Of the pixels that have a colour, how many were given one of about that hue.

A squared error hardly sees it where colours are pale, and liveliness says nothing about
it: grass can be as lively in brown. Angles are those of (a, b) in CIELAB.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

LEAST = 12.0
"""Ab units: the chroma from which on a true colour counts as one."""

NEAR = 30.0
"""Degrees, to either side."""

ARCS = {"warm": (-30.0, 95.0), "green": (95.0, 180.0), "blue": (180.0, 330.0)}
"""Degrees in which the true hue lies: skin, wood and sand; plants; sky and water."""


def sums(
    ab: Float[Array, "b h w 2"],
    truth: Float[Array, "b h w 2"],
    mask: Bool[Array, "b h w"],
) -> dict[str, Int[Array, "b h"]]:
    """Pixels of each row whose true hue lies in each arc, and how many come near it.

    Args:
        ab: what is judged; grey has no hue, and is right nowhere.
        truth: the true ab.
        mask: pixels that count.
    """
    chroma, true_chroma = (jnp.linalg.norm(x, axis=-1) for x in (ab, truth))
    along = jnp.sum(ab * truth, axis=-1)
    near = along > np.cos(np.radians(NEAR)) * chroma * true_chroma
    angle = jnp.degrees(jnp.arctan2(truth[..., 1], truth[..., 0]))
    counted = mask & (true_chroma >= LEAST)
    found = {}
    for name, (start, stop) in ARCS.items():
        inside = counted & ((angle - start) % 360 < stop - start)
        found[f"{name}_pixels"] = jnp.sum(inside, axis=2, dtype=jnp.int32)
        found[f"{name}_right"] = jnp.sum(inside & near, axis=2, dtype=jnp.int32)
    return found


def parts(totals: Mapping[str, np.ndarray]) -> dict[str, Float[np.ndarray, "b 2"]]:
    """What each photograph adds to `hue`, and to `hue_warm` and so on of each arc.

    As shares of its pixels: (right, there). The ratio of their sums over photographs is
    the number; a photograph counts by how much of it has such a colour.
    """
    found = {
        f"hue_{name}": np.stack(
            [totals[f"{name}_right"], totals[f"{name}_pixels"]], axis=1
        )
        / totals["pixels"][:, None]
        for name in ARCS
    }
    return {"hue": sum(found.values(), np.zeros((1, 2))), **found}
