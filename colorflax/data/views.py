"""What the network sees of a photograph: a square of fixed size."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from colorflax import config
from colorflax.data.photographs import Content

Square = UInt8[np.ndarray, "s s 3"]


def training_view(
    photo: Content, settings: config.Data, rng: np.random.Generator
) -> Square:
    """A random crop, mirrored half of the time where `settings.flip`."""
    # All numbers are drawn whatever the settings, so that one knob moves one thing.
    across, down, mirrored = rng.random(3)
    view = _square(_resize(photo, settings), settings, across, down)
    return view[:, ::-1].copy() if settings.flip and mirrored < 0.5 else view


def evaluation_view(photo: Content, settings: config.Data) -> Square:
    """The middle of the photograph, always the same."""
    return _square(_resize(photo, settings), settings, 0.5, 0.5)


def scale_to_short_side(image: Image.Image, short_side: int) -> Image.Image:
    """Resize so that the short side has `short_side` px; the shape is kept."""
    scale = short_side / min(image.size)
    w, h = (max(short_side, round(side * scale)) for side in image.size)
    return image.resize((w, h), Image.Resampling.BICUBIC)


def _resize(photo: Content, settings: config.Data) -> Image.Image:
    if settings.fit == "crop":
        image = photo.open(settings.short_side)
        return scale_to_short_side(image, settings.short_side)
    square = (settings.size, settings.size)
    return ImageOps.pad(
        photo.open(settings.size), square, Image.Resampling.BICUBIC, color="white"
    )


def _square(
    image: Image.Image, settings: config.Data, across: float, down: float
) -> Square:
    size = settings.size
    left = int(across * (image.width - size + 1))
    top = int(down * (image.height - size + 1))
    return np.asarray(image.crop((left, top, left + size, top + size)))
