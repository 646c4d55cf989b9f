"""Grey and colours of more than 8 bits, on the scale of 16 and of 8."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

# Tags of a TIFF.
_BITS, _PHOTOMETRIC, _NUMBERS = 258, 262, 339
_STRIP = 1 << 22  # numbers at a time
_SEEN = 4_000_000  # of which white is told
_FEW = 10_000  # one of so many may be anything
WHITES_OF_FLOATS = (1, 255, 65535)


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
    tags: Any = getattr(image, "tag_v2", {})
    bits, signed = tags.get(_BITS, (16,))[0], tags.get(_NUMBERS, (1,))[0] == 2
    if bits == 32 or signed:
        return whites_of(bits, signed)
    # A file says 16 bits, which Pillow widens; a picture in memory may be of 8.
    return (65535,) if image.format else (255, 65535)


def whites_of(bits: int, signed: bool) -> Sequence[int]:
    """What white may be in a picture of integers. What is below 0 is black."""
    most = 2 ** (bits - signed) - 1
    return (65535, most) if bits == 32 else (most,)


def scaled(values: np.ndarray, whites: Sequence[int]) -> UInt16[np.ndarray, "*shape"]:
    """Numbers whose white is the first of these that they do not exceed by far.

    What is no number becomes black, and what is beyond white becomes white.
    """
    factor = np.float32(65535 / _white(values, whites))
    flat = values.reshape(-1)
    out = np.empty(flat.shape, np.uint16)
    for start in range(0, len(flat), _STRIP):
        with np.errstate(over="ignore"):  # of numbers that 32 bits do not hold
            strip = flat[start : start + _STRIP].astype(np.float32) * factor
        strip = np.nan_to_num(strip, copy=False, nan=0, posinf=65535, neginf=0)
        out[start : start + _STRIP] = strip.round().clip(0, 65535)
    return out.reshape(values.shape)


def _white(values: np.ndarray, whites: Sequence[int]) -> int:
    """Few pixels say nothing: one may be hot, dead or damaged."""
    seen = values.reshape(-1)[:: 1 + values.size // _SEEN].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    if not seen.size:
        return whites[0]
    # What was resampled or developed may overshoot its white a little.
    beyond = min(seen.size - 1, -(-seen.size // _FEW))
    peak = np.partition(seen, -1 - beyond)[-1 - beyond] / 1.5
    return next((white for white in whites if peak <= white), whites[-1])


def to_8_bit(values: UInt16[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """16 bits rounded to 8."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def divided(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by how opaque they are, as they were before.

    Args:
        pixels: (h, w, c), uint8 or uint16.
        alpha: (h, w, 1), of the same type.
    """
    white = np.iinfo(pixels.dtype).max
    share = np.maximum(alpha, 1).astype(np.float32) / white
    return (pixels / share).round().clip(0, white).astype(pixels.dtype)
