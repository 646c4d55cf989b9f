"""What the colours of another photograph are worth.

    python -m launch.bench reference --photos=DIR [--most=N]

The right half of each photograph is coloured by the network that comes along: without a
reference; with the left half of the same photograph for one, which is about the best
that there is; and with the left half of the next photograph, which has nothing to do
with it. PSNR of RGB, the mean over photographs.
"""

import numpy as np

import colorflax
from colorflax.errors import UserError
from launch.pictures import psnr, shrunk

_LIKENESSES = (0.0, 0.25, 0.5, 0.75, 1.0)


def bench_reference(rounds: int) -> None:
    """PSNR of RGB by how much is taken of the reference."""
    del rounds  # nothing is timed
    colorizer = colorflax.load()
    halves = []
    for truth in shrunk():
        left, right = np.array_split(truth, 2, axis=1)
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
