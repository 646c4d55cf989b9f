"""Whether a picture is grey, toned or coloured, told from a small copy."""

import numpy as np
from jaxtyping import Float, UInt8

SIDE = 96  # px, the long side of the small copy
# Tuned with the other thresholds of preparation/audit.py, and explained there.
GREY = 1.5  # ab units of chroma
TONED = 2.0  # ab units of spread

_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ],
    np.float32,
)


def kind(rgb: UInt8[np.ndarray, "h w 3"]) -> str:
    """One of grey, toned (sepia, say) and coloured."""
    chroma, spread = measure(rgb)
    if chroma < GREY:
        return "grey"
    return "toned" if spread < TONED else "coloured"


def measure(rgb: UInt8[np.ndarray, "h w 3"]) -> tuple[float, float]:
    """Chroma and spread.

    Returns:
        The mean distance from grey in CIE ab; and how far ab strays from its mean at
        the same lightness (rms). A toned print has one colour per lightness, so nearly
        no spread, however strong it is.
    """
    lab = _lab(rgb.reshape(-1, 3))
    level = np.clip(lab[:, 0] / 100 * 16, 0, 15).astype(int)
    count = np.maximum(np.bincount(level, minlength=16), 1)
    stray = 0.0
    for channel in (lab[:, 1], lab[:, 2]):
        mean = np.bincount(level, channel, 16) / count
        stray += float(((channel - mean[level]) ** 2).mean())
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean()), stray**0.5


def _lab(rgb: UInt8[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """CIE Lab (D65) in numpy: `color` would start JAX for every small picture."""
    x = rgb / np.float32(255)
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    xyz = linear @ (_TO_XYZ / _TO_XYZ.sum(1, keepdims=True)).T
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)
