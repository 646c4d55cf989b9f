"""What the network sees of a photograph: a square of fixed size."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from colorflax import config
from colorflax.data.photographs import Content

GRAIN = 32
"""Px: a network sees sides that are multiples of it, or edges that repeat up to one."""

Square = UInt8[np.ndarray, "s s 3"]


def training_view(
    photo: Content, settings: config.Data, rng: np.random.Generator
) -> Square:
    """A random crop of a random size, mirrored half of the time where set so."""
    # All numbers are drawn whatever the settings, so that one knob moves one thing.
    across, down, mirrored, scale = rng.random(4)
    short_side = round(settings.short_side * settings.scale_jitter**scale)
    # A JPEG is decoded as small as will do: its finest detail differs a little, which
    # costs training nothing and is half of the time. What is measured stays exact.
    view = _view(photo, settings, across, down, short_side, spare=1)
    return view[:, ::-1].copy() if settings.flip and mirrored < 0.5 else view


def evaluation_view(photo: Content, settings: config.Data) -> Square:
    """The middle of the photograph, always the same."""
    return _view(photo, settings, 0.5, 0.5, settings.short_side, spare=2)


def whole_size(
    size: tuple[int, int], settings: config.Data, side: int | None = None
) -> tuple[int, int]:
    """Width and height of all of a picture at the scale of the squares.

    Its shape is kept.

    Args:
        size: of the picture, width and height.
        settings: those of training.
        side: px, of the side that training fixes: the short one (fit=crop) or the long
            one (fit=pad); None for that of training; where training draws it, for the
            multiple of `GRAIN` nearest to the largest, so that no edge repeats. No side
            grows beyond 8 times the other's px, so that a strip of film stays small.
    """
    short, long = sorted(size)
    if settings.fit == "pad":
        scale = (side or settings.size) / long
    else:
        usual = settings.short_side
        if settings.scale_jitter > 1:
            largest = round(usual * settings.scale_jitter)
            usual = round(largest / GRAIN) * GRAIN or largest
        scale = (side or usual) / max(short, long / 8)
    w, h = (max(1, round(side * scale)) for side in size)
    return w, h


def whole_view(
    image: Image.Image, settings: config.Data, side: int | None = None
) -> Image.Image:
    """All of an RGB picture at the size of `whole_size`."""
    size = whole_size(image.size, settings, side)
    return image.resize(size, Image.Resampling.BICUBIC)


def _view(
    photo: Content,
    settings: config.Data,
    across: float,
    down: float,
    short_side: int,
    spare: int,
) -> Square:
    size = settings.size
    if settings.fit == "pad":
        image = photo.open(spare * size)
        square = ImageOps.pad(
            image, (size, size), Image.Resampling.BICUBIC, color="white"
        )
        return np.asarray(square)
    image = photo.open(spare * short_side)
    scale = short_side / min(image.size)
    w, h = (max(short_side, round(side * scale)) for side in image.size)
    left = int(across * (w - size + 1))
    top = int(down * (h - size + 1))
    # Only what is kept is resized: the pixels of resizing all and cropping, sooner.
    x, y = image.width / w, image.height / h
    box = (left * x, top * y, (left + size) * x, (top + size) * y)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box))
