"""What the colours of another photograph are worth.

    python -m launch.bench reference --photos=DIR [--most=N]

The right half of each photograph is coloured by the network that comes along: without a
reference; with the left half of the same photograph for one, which is about the best
that there is; and with the left half of the next photograph, which has nothing to do
with it. PSNR of RGB, the mean over photographs.
"""

import itertools
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image

import colorflax
from colorflax.data import photographs
from colorflax.errors import UserError
from launch.psnr import psnr

_SIDE = 512  # px, to which the long side of larger ones is shrunk
_LIKENESSES = (0.0, 0.25, 0.5, 0.75, 1.0)


def bench_reference(rounds: int) -> None:
    """PSNR of RGB by how much is taken of the reference."""
    del rounds  # nothing is timed
    folder = flags.FLAGS["photos"].value
    photos = photographs.folder(Path(folder)) if folder else photographs.builtin()
    colorizer = colorflax.load()
    halves = []
    for photo in itertools.islice(photos, flags.FLAGS["most"].value):
        image = photo.open(2 * _SIDE)
        image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        left, right = np.array_split(np.asarray(image), 2, axis=1)
        try:
            halves.append((colorizer.colours(left), right))
        except UserError:  # it has no colours to lend
            continue
    if len(halves) < 2:
        raise UserError("--photos: two photographs with colours are needed at least")
    rows = []
    for i, (own, right) in enumerate(halves):
        said = colorizer.look(right)
        foreign, _ = halves[(i + 1) % len(halves)]
        rows.append([
            [psnr(said.like(lent, x).picture(), right) for x in _LIKENESSES]
            for lent in (own, foreign)
        ])  # fmt: skip
    print(f"colours of a reference, {len(rows)} photographs: PSNR of RGB in dB")
    print(f"  {'likeness':<22}" + "".join(f"{x:8g}" for x in _LIKENESSES))
    names = "to its other half", "to another photograph"
    for name, numbers in zip(names, np.mean(rows, axis=0), strict=True):
        print(f"  {name:<22}" + "".join(f"{x:8.2f}" for x in numbers))
