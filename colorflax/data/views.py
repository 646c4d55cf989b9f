"""What the network sees of a photograph: a square of fixed size."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from colorflax import config
from colorflax.data.decode import decode

Square = UInt8[np.ndarray, "s s 3"]


def training_view(
    path: Path, settings: config.Data, rng: np.random.Generator
) -> Square:
    """A random crop, mirrored half of the time where `settings.flip`."""
    # All numbers are drawn whatever the settings, so that one knob moves one thing.
    across, down, mirrored = rng.random(3)
    view = _square(path, settings, across, down)
    return view[:, ::-1].copy() if settings.flip and mirrored < 0.5 else view


def evaluation_view(path: Path, settings: config.Data) -> Square:
    """The middle of the photograph, always the same."""
    return _square(path, settings, 0.5, 0.5)


def whole_view(
    image: Image.Image, settings: config.Data, size: int | None = None
) -> Image.Image:
    """All of a picture, at the scale of the squares; its shape is kept.

    Args:
        image: RGB.
        settings: those of training.
        size: px, of the side that training fixes: the short one (fit=crop) or the long
            one (fit=pad); None for that of training. No side grows beyond 8 times the
            other's px, so that a strip of film stays small.
    """
    short, long = sorted(image.size)
    if settings.fit == "pad":
        scale = (size or settings.size) / long
    else:
        scale = (size or settings.short_side) / max(short, long / 8)
    w, h = (max(1, round(side * scale)) for side in image.size)
    return image.resize((w, h), Image.Resampling.BICUBIC)


def _square(path: Path, settings: config.Data, across: float, down: float) -> Square:
    size = (settings.size, settings.size)
    bicubic = Image.Resampling.BICUBIC
    if settings.fit == "pad":
        image = decode(path, settings.size)
        return np.asarray(ImageOps.pad(image, size, bicubic, color="white"))
    image = decode(path, settings.short_side)
    # Cut before resizing: only what is seen is computed, however long the picture is.
    side = min(image.size) * settings.size / settings.short_side
    left, top = (
        int(share * (length - side))
        for share, length in ((across, image.width), (down, image.height))
    )
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize(size, bicubic, box))
