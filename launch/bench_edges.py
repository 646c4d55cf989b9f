"""What guided enlargement of colours gains over bilinear and bicubic.

    python -m launch.bench edges --photos=DIR [--most=N]

The true ab of photographs is averaged over squares of 4, 8 and 16 pixels, as a
network would, and enlarged again: PSNR of ab to the truth, the mean over photographs.
"""

import itertools
from pathlib import Path

import numpy as np
from absl import flags
from jaxtyping import Float
from PIL import Image

from colorflax import color
from colorflax.data import photographs
from colorflax.painting import guided

_MOST = flags.DEFINE_integer(
    "most", 100, "colorize, edges, hints, platforms: photographs at most", 1
)
_SIDE = 1024  # px, to which the long side of larger ones is shrunk
_FACTORS = (4, 8, 16)
_PEAK = 255.0  # of ab, as metrics.ab_psnr has it


def bench_edges(rounds: int) -> None:
    """PSNR of ab made small and enlarged in three ways."""
    del rounds  # nothing is timed
    folder = flags.FLAGS["photos"].value
    photos = photographs.folder(Path(folder)) if folder else photographs.builtin()
    found: dict[int, list[tuple[float, ...]]] = {factor: [] for factor in _FACTORS}
    for photo in itertools.islice(photos, _MOST.value):
        image = photo.open(2 * _SIDE)
        image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        w, h = (side // 16 * 16 for side in image.size)
        if min(w, h) < 64:
            continue
        lab = np.asarray(color.rgb_to_lab(np.asarray(image)[:h, :w]))
        for factor in _FACTORS:
            found[factor].append(_compare(lab, factor))
    print(f"enlarging ab, {len(found[4])} photographs: PSNR in dB")
    print(f"  {'factor':<8}{'bilinear':>10}{'bicubic':>10}{'guided':>10}")
    for factor, rows in found.items():
        means = "".join(f"{x:10.1f}" for x in np.mean(rows, axis=0))
        print(f"  {factor:<8}{means}")


def _compare(lab: Float[np.ndarray, "h w 3"], factor: int) -> tuple[float, ...]:
    h, w = lab.shape[:2]
    blocks = lab.reshape(h // factor, factor, w // factor, factor, 3)
    small = blocks.mean(axis=(1, 3))
    L, ab = small[..., 0], small[..., 1:]
    ways = (
        _bilinear(ab, (w, h)),
        guided.enlarge(ab, (w, h)).rows(0, lab[..., 0]),
        guided.enlarge(ab, (w, h), L).rows(0, lab[..., 0]),
    )
    return tuple(
        float(10 * np.log10(_PEAK**2 / np.mean((way - lab[..., 1:]) ** 2)))
        for way in ways
    )


def _bilinear(
    ab: Float[np.ndarray, "h w 2"], size: tuple[int, int]
) -> Float[np.ndarray, "h2 w2 2"]:
    channels = [
        np.asarray(Image.fromarray(c).resize(size, Image.Resampling.BILINEAR))
        for c in np.ascontiguousarray(np.moveaxis(ab, -1, 0))
    ]
    return np.stack(channels, axis=-1)
