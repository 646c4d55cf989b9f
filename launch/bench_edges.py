"""What enlarging colours along edges gains over bilinear and bicubic enlargement.

    python -m launch.bench edges --photos=DIR [--most=N]

The true ab of photographs is averaged over squares of 4, 8 and 16 pixels, as a network
would do, and enlarged again. Printed is the PSNR of ab to the truth, as the mean over
photographs.
"""

import numpy as np
from jaxtyping import Float
from PIL import Image

from colorflax import color
from colorflax.errors import UserError
from colorflax.metrics.photograph import AB_PEAK
from colorflax.painting import guided
from launch.pictures import shrunk

_SIDE = 1024  # px, to which the long side of larger ones is shrunk
_FACTORS = (4, 8, 16)


def bench_edges(rounds: int) -> None:
    """PSNR of ab made small and enlarged in three ways."""
    del rounds  # nothing is timed
    found: dict[int, list[tuple[float, ...]]] = {factor: [] for factor in _FACTORS}
    for rgb in shrunk(_SIDE):
        h, w = (side // 16 * 16 for side in rgb.shape[:2])
        if min(w, h) < 64:
            continue
        lab = np.asarray(color.rgb_to_lab(rgb[:h, :w]))
        for factor in _FACTORS:
            found[factor].append(_compare(lab, factor))
    if not found[_FACTORS[0]]:
        raise UserError("--photos: photographs of 64 px and more are needed")
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
        float(10 * np.log10(AB_PEAK**2 / np.mean((way - lab[..., 1:]) ** 2)))
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
