"""How much colours flicker in a film, frame by frame and averaged along the motion.

    python -m launch.bench video --photos=DIR [--most=N]

The films are made, so that all is known of them: a camera pans and zooms over a
photograph, a piece of the next photograph moves in front of it in the other direction,
with grain and a lamp that flickers. Flicker is how far the ab of an object in one frame
is from its ab in the frame before, averaged over what is visible in both. That of the
true colours is what moving by fractions of a pixel makes of it. PSNR of RGB is to the
true colours.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

import colorflax
from colorflax import color
from colorflax.painting import steady
from launch.pictures import psnr, shrunk

_FRAMES, _RATE = 24, 24
_GRAIN, _LAMP = 0.03, 0.02  # of white
_SECONDS = (0.0, 0.25, 1.0)


class _Shot(NamedTuple):
    truth: np.ndarray  # (h, w, 3) uint8
    grey: np.ndarray  # what is to be coloured
    front: np.ndarray  # (h, w) bool, where the thing in front is
    corner: tuple[int, int]  # its row and column
    box: tuple[float, float, float, float]  # of the photograph behind


def bench_video(rounds: int) -> None:
    """Flicker and PSNR by how many seconds are averaged over."""
    del rounds  # nothing is timed
    colorizer = colorflax.load()
    photographs = list(shrunk())
    rng = np.random.default_rng(0)
    rows = []
    for i, behind in enumerate(photographs):
        shots = _film(behind, photographs[i - 1], rng)
        said = [colorizer.look(shot.grey) for shot in shots]
        row = []
        for seconds in _SECONDS:
            memory, frames = None, []
            for one in said:
                memory = steady.follow(memory, one.head, one.rgb, seconds * _RATE)
                frames.append(dataclasses.replace(one, head=memory.said).picture())
            row.append(_judged(frames, shots))
        row.append(_judged([shot.truth for shot in shots], shots))
        rows.append(row)
    print(
        f"flicker of {len(rows)} films of {_FRAMES} frames: ab, and PSNR of RGB in dB"
    )
    names = [f"averaged over {s:g} s" if s else "each frame alone" for s in _SECONDS]
    print(f"  {'':<20}{'behind':>9}{'in front':>9}{'PSNR':>9}")
    for name, (back, front, near) in zip(
        [*names, "true colours"], np.mean(rows, axis=0), strict=True
    ):
        print(f"  {name:<20}{back:9.2f}{front:9.2f}{near:9.2f}".replace("inf", ""))


def _film(
    behind: np.ndarray, other: np.ndarray, rng: np.random.Generator
) -> list[_Shot]:
    image = Image.fromarray(behind)
    h, w = behind.shape[:2]
    thing = other[: h // 3, : w // 4]
    rows, columns = thing.shape[:2]
    zooms, left, top = rng.uniform(0.7, 0.8, 2), rng.random(2), rng.random(2)
    shots = []
    for t in np.linspace(0, 1, _FRAMES):
        zoom, x, y = (a + (b - a) * t for a, b in (zooms, left, top))
        x, y = x * w * (1 - zoom), y * h * (1 - zoom)
        box = (x, y, x + w * zoom, y + h * zoom)
        truth = np.array(image.resize((w, h), Image.Resampling.BICUBIC, box))
        corner = (int((h - rows) / 2), int((w - columns) * (0.2 + 0.6 * (1 - t))))
        front = np.zeros((h, w), bool)
        front[corner[0] : corner[0] + rows, corner[1] : corner[1] + columns] = True
        truth[front] = thing.reshape(-1, 3)
        shots.append(_Shot(truth, _grey(truth, rng), front, corner, box))
    return shots


def _grey(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    lab = np.array(color.rgb_to_lab(truth))
    lab[..., 1:] = 0
    grain = 2 * _GRAIN * ndimage.gaussian_filter(rng.normal(size=lab.shape[:2]), 0.7)
    level = np.asarray(color.lab_to_rgb(lab)) * (1 + _LAMP * rng.normal())
    return np.asarray(color.to_uint8(np.clip(level + grain[..., None], 0, 1)))


def _judged(
    frames: Sequence[np.ndarray], shots: Sequence[_Shot]
) -> tuple[float, float, float]:
    """Flicker behind and in front; PSNR."""
    colours = [np.asarray(color.rgb_to_lab(frame))[..., 1:] for frame in frames]
    found = []
    steps = itertools.pairwise(zip(colours, shots, strict=True))
    for (before, was), (now, shot) in steps:
        h, w = shot.front.shape
        y, x = np.mgrid[:h, :w]
        v = _moved(y, h, shot.box[1::2], was.box[1::2])
        u = _moved(x, w, shot.box[::2], was.box[::2])
        hidden = shot.front | (_taken(was.front.astype(float), (v, u)) > 0)
        both = ~hidden & (v >= 0) & (v <= h - 1) & (u >= 0) & (u <= w - 1)
        back = _distance(now, before, (v, u))[both].mean()
        y, x = y - shot.corner[0] + was.corner[0], x - shot.corner[1] + was.corner[1]
        front = _distance(now, before, (y, x))[shot.front].mean()
        found.append((back, front))
    pairs = zip(frames, shots, strict=True)
    near = [psnr(f, s.truth) if f is not s.truth else np.inf for f, s in pairs]
    return (*np.mean(found, axis=0), np.mean(near))


def _moved(
    x: np.ndarray, side: int, now: Sequence[float], was: Sequence[float]
) -> np.ndarray:
    """Where a row or column was, the photograph behind having been in another box."""
    place = now[0] + (x + 0.5) / side * (now[1] - now[0])
    return (place - was[0]) / (was[1] - was[0]) * side - 0.5


def _distance(
    now: np.ndarray, before: np.ndarray, places: Sequence[np.ndarray]
) -> np.ndarray:
    came = [_taken(before[..., k], places) for k in range(2)]
    return np.hypot(now[..., 0] - came[0], now[..., 1] - came[1])


def _taken(x: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    return ndimage.map_coordinates(x, places, order=1, mode="nearest")
