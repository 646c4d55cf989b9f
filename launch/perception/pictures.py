"""What is shown: photographs in their own colours and in those of several systems."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from colorflax import color
from colorflax.coloring import joined
from colorflax.data.photographs import Photograph, Photographs
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.picture import take, tint
from colorflax.predict import Colorizer

CONTROL = "colours of another photograph"
"""What everybody notices who looks: a pair that shows whether somebody did."""


class Shown(NamedTuple):
    """A photograph, and the files that show it; their names tell nothing.

    Attributes:
        name: of the photograph.
        sha256: of its file.
        true: in its own colours.
        made: in those of each system.
    """

    name: str
    sha256: str
    true: str
    made: list[str]


def draw(photos: Photographs, count: int, seed: int) -> list[Photograph]:
    """As many coloured photographs as are wanted, drawn by a seed.

    Raises:
        UserError: there are fewer.
    """
    drawn = []
    for i in np.random.default_rng(seed).permutation(len(photos)):
        photo = photos[int(i)]
        if take(photo.open(tint.SIDE)).kind() == "coloured":
            drawn.append(photo)
        if len(drawn) == count:
            return drawn
    raise UserError(
        f"{count} photographs are wanted and only {len(drawn)} of {len(photos)} have "
        "colours; take fewer --pairs, or name more --photos"
    )


def show(
    photos: Sequence[Photograph],
    colorizers: Mapping[str, Colorizer],
    side: int,
    folder: Path,
) -> list[Shown]:
    """Colours each photograph in every way, and writes all of them.

    Each is coloured at its own size, as `colorize` does, and shrunk afterwards. The
    last system is `CONTROL`: lightness of its own, colours of the next photograph.

    Args:
        photos: what to show.
        colorizers: systems by name.
        side: px of the longest side.
        folder: where to.
    """
    found = []
    for photo, next_one in zip(photos, [*photos[1:], photos[0]], strict=True):
        image = photo.open()
        pictures = [image, *(made(image) for made in colorizers.values())]
        pictures.append(_lent(image, next_one.open()))
        names = [_write(x, side, folder) for x in pictures]
        name = Path(photo.read().name).name
        found.append(Shown(name, photo.sha256, names[0], names[1:]))
    return found


def _lent(image: Image.Image, other: Image.Image) -> Image.Image:
    resized = other.resize(image.size, Image.Resampling.BILINEAR)
    L = color.rgb_to_lab(np.asarray(image))[None, ..., :1]
    ab = color.rgb_to_lab(np.asarray(resized))[None, ..., 1:]
    return Image.fromarray(np.asarray(joined(L, ab))[0])


def _write(picture: Image.Image, side: int, folder: Path) -> str:
    buffer = io.BytesIO()
    ImageOps.contain(picture, (side, side)).save(buffer, "PNG")
    name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.png"
    files.write(folder / name, buffer.getvalue())
    return name
