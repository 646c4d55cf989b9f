"""Numbers about one coloured photograph, from sums over its pixels.

The sums of parts of a photograph add up to those of the whole, so a small square and a
large photograph taken in tiles are measured by the same few lines. Nothing is averaged
over photographs here.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num, UInt8

AB_PEAK = 256.0
"""Ab units from one end of an 8-bit Lab channel to the other, -128 to 128."""

FARTHEST = 150.0
"""Ab units: the last threshold under the curve of AuC (arXiv 1603.08511, 3.1)."""

DISTANCES = (5, 10, 20)
"""Ab units within which pixels are counted."""

LEAST_CHROMA = 1.0
"""Ab units: a photograph whose mean chroma is less has no ratio of chromas."""


def sums(
    picture: UInt8[Array, "b h w 3"],
    photograph: UInt8[Array, "b h w 3"],
    ab: Float[Array, "b h w 2"],
    truth: Float[Array, "b h w 2"],
    mask: Bool[Array, "b h w"] | None = None,
) -> dict[str, Num[Array, "b h"]]:
    """What `numbers` needs, summed over each row of pixels.

    RGB and opponent colours are summed as integers, exactly, in rows of at most 8,000
    pixels; the rest in float32.

    Args:
        picture: the output as a user gets it.
        photograph: the true one.
        ab: of the output, before it was fitted into sRGB.
        truth: the true ab.
        mask: pixels that count; all if None.
    """
    squared = jnp.sum(jnp.square(ab - truth), axis=-1)
    difference = picture.astype(jnp.int32) - photograph.astype(jnp.int32)
    same = jnp.argmax(ab, axis=-1) == jnp.argmax(truth, axis=-1)
    maps = {
        "pixels": jnp.ones_like(same, jnp.int32),
        "ab_squared": squared,
        "rgb_squared": jnp.sum(difference**2, axis=-1),
        "clipped": jnp.minimum(jnp.sqrt(squared), FARTHEST),
        "agreement": same.astype(jnp.int32),
        "chroma": jnp.sqrt(jnp.sum(jnp.square(ab), axis=-1)),
        "true_chroma": jnp.sqrt(jnp.sum(jnp.square(truth), axis=-1)),
        **_opponents(picture, ""),
        **_opponents(photograph, "true_"),
    }
    for distance in DISTANCES:
        maps[f"within_{distance}"] = (squared <= distance**2).astype(jnp.int32)
    if mask is not None:
        maps = {name: jnp.where(mask, x, 0) for name, x in maps.items()}
    return {name: jnp.sum(x, axis=2) for name, x in maps.items()}


def numbers(s: Mapping[str, Any], xp: ModuleType = jnp) -> dict[str, Any]:
    """The numbers of each photograph.

    Args:
        s: totals of `sums`, one per photograph.
        xp: numpy for numpy arrays.

    Returns:
        mse: mean squared error of ab in units of 127, as arXiv 1712.03400 reports it.
        ab_rmse: ab units, the root of the mean over pixels and both channels.
        psnr: dB, of 8-bit RGB. The error counts as at least that of rounding to 8 bits,
            1/12: an exact copy scores 58.92 dB instead of infinity, so that a mean over
            a set in which some photographs are grey stays a number.
        ab_psnr: dB, where the peak is `AB_PEAK`; with 128, the longest that ab gets
            rather than its whole range, each is 6.02 dB lower. The error counts as at
            least that of rounding to whole ab units: an exact copy scores 58.96 dB.
        auc: area under the curve of the share of pixels within each distance from the
            true ab, 0 to 150, as a share of the whole (arXiv 1603.08511, 3.1): exactly,
            without steps, for it is 1 - mean(min(distance, 150)) / 150.
        within_D: share of pixels at most D ab units, Delta E of 1976, from the truth.
        larger_channel_agreement: share of pixels where the larger of a and b is the
            same as in truth. It is what Keras reports as "accuracy" for a network with
            two output channels and a regression loss: categorical accuracy, the two
            channels taken for two classes. It says nothing about how close a colour is.
        colourfulness, true_colourfulness: M of Hasler and Suesstrunk (2003), of RGB.
        colourfulness_error: the distance between the two.
        chroma_ratio: mean chroma over the true one; NaN below `LEAST_CHROMA` of it.
    """
    n = s["pixels"]
    ab_error, rgb_error = s["ab_squared"] / (2 * n), s["rgb_squared"] / (3 * n)
    colourful = {who: _colourfulness(s, who, xp) for who in ("", "true_")}
    coloured = s["true_chroma"] >= LEAST_CHROMA * n
    ratio = s["chroma"] / xp.where(coloured, s["true_chroma"], 1)
    return {
        "mse": ab_error / 127**2,
        "ab_rmse": xp.sqrt(ab_error),
        "psnr": 10 * xp.log10(255**2 / xp.maximum(rgb_error, 1 / 12)),
        "ab_psnr": 10 * xp.log10(AB_PEAK**2 / xp.maximum(ab_error, 1 / 12)),
        "auc": 1 - s["clipped"] / (FARTHEST * n),
        **{f"within_{d}": s[f"within_{d}"] / n for d in DISTANCES},
        "larger_channel_agreement": s["agreement"] / n,
        "colourfulness": colourful[""],
        "true_colourfulness": colourful["true_"],
        "colourfulness_error": abs(colourful[""] - colourful["true_"]),
        "chroma_ratio": xp.where(coloured, ratio, xp.nan),
    }


def _opponents(rgb: UInt8[Array, "b h w 3"], who: str) -> dict[str, Array]:
    """Red against green and, doubled to be whole, yellow against blue."""
    r, g, b = jnp.moveaxis(rgb.astype(jnp.int32), -1, 0)
    rg, yb = r - g, r + g - 2 * b
    return {
        f"{who}rg": rg, f"{who}rg_squared": rg**2,
        f"{who}yb": yb, f"{who}yb_squared": yb**2,
    }  # fmt: skip


def _colourfulness(s: Mapping[str, Any], who: str, xp: ModuleType) -> Any:
    n = s["pixels"]
    rg, yb = s[f"{who}rg"] / n, s[f"{who}yb"] / (2 * n)
    spread = s[f"{who}rg_squared"] / n - rg**2
    spread = spread + s[f"{who}yb_squared"] / (4 * n) - yb**2
    return xp.sqrt(xp.maximum(spread, 0)) + 0.3 * xp.sqrt(rg**2 + yb**2)
