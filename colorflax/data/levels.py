"""Grey and colours of more than 8 bits, on the scale of 16 and of 8."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image

# Tags of a TIFF.
_BITS, _PHOTOMETRIC, _NUMBERS = 258, 262, 339


def to_16_bit(image: Image.Image) -> UInt16[np.ndarray, "h w"]:
    """Grey of more than 8 bits, as integers or floats, on the scale of 16."""
    values: Any = np.asarray(image)
    tags: Any = getattr(image, "tag_v2", {})
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        grey = values.astype(np.uint16)
        if tags.get(_BITS, (16,))[0] == 12:
            grey = np.bitwise_or(grey << 4, grey >> 8)
    else:
        if image.mode == "I" and tags.get(_NUMBERS, (1,))[0] == 1:
            values = values.view(np.uint32)  # Pillow says that they have a sign
        grey = scaled(values, _whites(image))
    # Of 8 bits and less Pillow knows that 0 may be white.
    return 65535 - grey if tags.get(_PHOTOMETRIC) == 0 else grey


def _whites(image: Image.Image) -> Sequence[int]:
    """What white may be in a picture of integers of 32 bits, or of floats."""
    if image.mode == "F":
        return WHITES_OF_FLOATS
    if getattr(image, "tag_v2", {}).get(_BITS, (16,))[0] == 32:
        return WHITES_OF_LONGS
    # A file says 16 bits, which Pillow widens; a picture in memory may be of 8.
    return (65535,) if image.format else (255, 65535)


WHITES_OF_FLOATS = (1, 255, 65535)
WHITES_OF_LONGS = (65535, 2**32 - 1)


def scaled(values: np.ndarray, whites: Sequence[int]) -> UInt16[np.ndarray, "*shape"]:
    """Numbers whose white is the first of these that they do not exceed by far."""
    numbers: Float[np.ndarray, "*shape"] = np.nan_to_num(values.astype(np.float32))
    # What was resampled or developed may overshoot its white a little.
    peak = numbers.max(initial=0) / 1.5
    white = next((white for white in whites if peak <= white), whites[-1])
    return (numbers * np.float32(65535 / white)).round().clip(0, 65535).astype("u2")


def to_8_bit(values: UInt16[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """16 bits rounded to 8."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def divided(
    pixels: UInt16[np.ndarray, "h w c"], alpha: UInt16[np.ndarray, "h w 1"]
) -> UInt16[np.ndarray, "h w c"]:
    """Colours that were multiplied by how opaque they are, as they were before."""
    share = np.maximum(alpha, 1).astype(np.float32) / 65535
    return (pixels / share).round().clip(0, 65535).astype(np.uint16)
