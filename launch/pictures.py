"""Photographs of --photos for a benchmark, and how near a picture comes to one."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image

from colorflax.data import photographs

_SIDE = 512  # px, to which the long side of larger ones is shrunk


def shrunk() -> Iterator[np.ndarray]:
    """At most --most of them, uint8 RGB; the built-in ones if none are named."""
    folder = flags.FLAGS["photos"].value
    photos = photographs.folder(Path(folder)) if folder else photographs.builtin()
    for photo in itertools.islice(photos, flags.FLAGS["most"].value):
        image = photo.open(2 * _SIDE)
        image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        yield np.asarray(image)


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Of uint8 RGB, in dB."""
    difference = picture.astype(float) - truth
    return float(10 * np.log10(255**2 / np.mean(difference**2)))
