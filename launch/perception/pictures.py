"""What is shown: photographs in their own colours and in those of several systems."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

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
    last system is `CONTROL`: its own lightness, the next photograph's colours.

    Args:
        photos: what to show.
        colorizers: systems by name.
        side: px of the longest side.
        folder: where to.
    """
    found = []
    pairs = zip(photos, [*photos[1:], photos[0]], strict=True)
    for photo, next_one in tqdm(pairs, "photographs", len(photos), leave=False):
        image = photo.open()
        pictures = [image, *(made(image) for made in colorizers.values())]
        small = [_shrunk(x, side) for x in pictures]
        small.append(_lent(small[0], next_one.open(2 * side)))
        names = [_write(x, folder) for x in small]
        name = Path(photo.read().name).name
        found.append(Shown(name, photo.sha256, names[0], names[1:]))
    return found


def _lent(image: Image.Image, other: Image.Image) -> Image.Image:
    resized = other.resize(image.size, Image.Resampling.BILINEAR)
    L = color.rgb_to_lab(np.asarray(image))[None, ..., :1]
    ab = color.rgb_to_lab(np.asarray(resized))[None, ..., 1:]
    return Image.fromarray(np.asarray(joined(L, ab))[0])


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    """With `side` px on its longest side, and 1 at least on the other."""
    w, h = (max(1, round(side * x / max(picture.size))) for x in picture.size)
    return picture.resize((w, h), Image.Resampling.BICUBIC)


def _write(picture: Image.Image, folder: Path) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:16]}.png"
    files.write(folder / name, buffer.getvalue())
    return name
