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
    view = _view(path, settings, across, down)
    return view[:, ::-1].copy() if settings.flip and mirrored < 0.5 else view


def evaluation_view(path: Path, settings: config.Data) -> Square:
    """The middle of the photograph, always the same."""
    return _view(path, settings, 0.5, 0.5)


def scale_to_short_side(image: Image.Image, short_side: int) -> Image.Image:
    """Resize so that the short side has `short_side` px; the shape is kept."""
    return image.resize(_scaled(image, short_side), Image.Resampling.BICUBIC)


def _scaled(image: Image.Image, short_side: int) -> tuple[int, int]:
    scale = short_side / min(image.size)
    w, h = (max(short_side, round(side * scale)) for side in image.size)
    return w, h


def _view(path: Path, settings: config.Data, across: float, down: float) -> Square:
    size = settings.size
    if settings.fit == "pad":
        image = decode(path, size)
        square = ImageOps.pad(
            image, (size, size), Image.Resampling.BICUBIC, color="white"
        )
        return np.asarray(square)
    image = decode(path, settings.short_side)
    w, h = _scaled(image, settings.short_side)
    left = int(across * (w - size + 1))
    top = int(down * (h - size + 1))
    # Only what is kept is resized: the pixels of resizing all and cropping, sooner.
    x, y = image.width / w, image.height / h
    box = (left * x, top * y, (left + size) * x, (top + size) * y)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box))
