"""What a few colours set by hand gain, with a network and without.

    python -m launch.bench hints --photos=DIR [--most=N]

The colours are those of the photograph itself, in 7 x 7 pixels around points drawn at
random. The points alone move grey (as Levin, Lischinski and Weiss do it); with the
bundled network they move its default colours, or its average colours, which are paler.
Printed is the PSNR of RGB to the photograph, as the mean over photographs.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import colorflax
from colorflax.control.order import Hint
from colorflax.painting.prediction import Prediction
from launch.pictures import psnr, shrunk

_COUNTS = (0, 1, 3, 10, 30)
_REACH = 3  # px to each side of a point


def bench_hints(rounds: int) -> None:
    """PSNR of RGB by how many points are known."""
    del rounds  # nothing is timed
    colorizer = colorflax.load()
    rows = []
    rng = np.random.default_rng(0)
    for truth in shrunk():
        hints = [_true(truth, *rng.random(2)) for _ in range(max(_COUNTS))]
        said = colorizer.look(truth)
        alone = dataclasses.replace(said, decode=_grey)
        ways = alone.picture, said.picture, _mean(said)
        rows.append(
            [[psnr(way(hints=hints[:n]), truth) for n in _COUNTS] for way in ways]
        )
    print(f"colours set by hand, {len(rows)} photographs: PSNR of RGB in dB")
    print(f"  {'points':<22}" + "".join(f"{n:8d}" for n in _COUNTS))
    means = np.mean(rows, axis=0)
    names = "alone", "and the network", "and its mean"
    for name, numbers in zip(names, means, strict=True):
        print(f"  {name:<22}" + "".join(f"{x:8.2f}" for x in numbers))


def _true(rgb: np.ndarray, across: float, down: float) -> Hint:
    h, w = rgb.shape[:2]
    x, y = int(across * w), int(down * h)
    around = rgb[
        max(0, y - _REACH) : y + _REACH + 1, max(0, x - _REACH) : x + _REACH + 1
    ]
    r, g, b = around.mean((0, 1)).round().astype(int)
    return Hint(float(x), float(y), f"#{r:02x}{g:02x}{b:02x}")


def _grey(head: jax.Array, temperature: float, tau: float) -> jax.Array:
    del temperature, tau
    return jnp.zeros((*head.shape[:3], 2))


def _mean(said: Prediction) -> Callable[..., np.ndarray]:
    gain = said.objective.gain
    return functools.partial(said.picture, temperature=1.0, saturation=1 / gain)
