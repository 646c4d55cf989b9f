"""What the colours of another photograph, or a palette, are worth.

    python -m launch.bench reference --photos=DIR [--most=N]

The bundled network colours the right half of each photograph with four kinds of
colours:

- the left half of the same photograph as the reference, about the best that there is;
- the left half of the next photograph, which has nothing to do with it;
- a palette of five colours (k-means) of its own;
- a palette of five colours of the next photograph.

Printed is the PSNR of RGB, as the mean over photographs.
"""

import numpy as np
from jaxtyping import UInt8

import colorflax
from colorflax import color
from colorflax.control import reference
from colorflax.errors import UserError
from launch.pictures import psnr, shrunk

_LIKENESSES = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLOURS = 5


def bench_reference(rounds: int) -> None:
    """PSNR of RGB by how much is taken of the reference."""
    del rounds  # nothing is timed
    colorizer = colorflax.load()
    halves = []
    for truth in shrunk():
        left, right = np.array_split(truth, 2, axis=1)
        try:
            halves.append((right, colorizer.colours(left), _palette(right)))
        except UserError:  # it has no colours to lend
            continue
    if len(halves) < 2:
        raise UserError("--photos: two photographs with colours are needed at least")
    rows = []
    for (right, *own), (_, *next_ones) in zip(
        halves, halves[1:] + halves[:1], strict=True
    ):
        said = colorizer.look(right)
        rows.append([
            [psnr(said.like(lent, x).picture(), right) for x in _LIKENESSES]
            for lent in (own[0], next_ones[0], own[1], next_ones[1])
        ])  # fmt: skip
    print(f"colours of a reference, {len(rows)} photographs: PSNR of RGB in dB")
    print(f"  {'likeness':<22}" + "".join(f"{x:8g}" for x in _LIKENESSES))
    names = (
        "to its other half", "to another photograph",
        f"to {_COLOURS} of its colours", f"to {_COLOURS} of another's",
    )  # fmt: skip
    for name, numbers in zip(names, np.mean(rows, axis=0), strict=True):
        print(f"  {name:<22}" + "".join(f"{x:8.2f}" for x in numbers))


def _palette(rgb: UInt8[np.ndarray, "h w 3"]) -> reference.Palette:
    from sklearn.cluster import KMeans  # of the tests' extra

    ab = np.asarray(color.rgb_to_lab(rgb[::4, ::4]))[..., 1:].reshape(-1, 2)
    found = KMeans(_COLOURS, n_init=1, random_state=0).fit(ab).cluster_centers_
    lab = np.concatenate([np.full((len(found), 1), 50.0), found], axis=1)
    colours = np.asarray(color.to_uint8(color.lab_to_rgb(lab.astype(np.float32))))
    return reference.palette([f"#{bytes(x).hex()}" for x in colours])
