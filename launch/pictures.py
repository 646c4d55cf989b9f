"""Photographs of --photos for a benchmark, and how near a picture comes to one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image

from colorflax.data import photographs
from colorflax.data.photographs import Photographs

_PHOTOS = flags.DEFINE_string(
    "photos", None, "folder of photographs; default: the built-in ones"
)
_MOST = flags.DEFINE_integer(
    "most", 100, "largest number of photographs (colorize, edges, hints, platforms, "
    "reference, video)", 1,
)  # fmt: skip


def photos() -> Photographs:
    """Those of --photos, all of them; the built-in ones if none are named."""
    folder = _PHOTOS.value
    return photographs.folder(Path(folder)) if folder else photographs.builtin()


def few() -> Photographs:
    """At most --most of them."""
    return photos()[: _MOST.value]


def shrunk(side: int = 512) -> Iterator[np.ndarray]:
    """The few, uint8 RGB; the long side of larger ones becomes `side` px."""
    for photo in few():
        image = photo.open(2 * side)
        image.thumbnail((side, side), Image.Resampling.BOX)
        yield np.asarray(image)


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Of uint8 RGB, in dB."""
    difference = picture.astype(float) - truth
    return float(10 * np.log10(255**2 / np.mean(difference**2)))
