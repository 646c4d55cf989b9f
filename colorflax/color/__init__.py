"""What colours are: CIE Lab, the 313 bins, what sRGB can show.

Downwards: chart, bins, gamut, lab. The functions of `lab` are this room's own.
"""

from colorflax.color.lab import (
    lab_to_linear,
    lab_to_rgb,
    lightness,
    linear_to_rgb,
    rgb_to_lab,
    rgb_to_linear,
    to_uint8,
)

__all__ = [
    "lab_to_linear",
    "lab_to_rgb",
    "lightness",
    "linear_to_rgb",
    "rgb_to_lab",
    "rgb_to_linear",
    "to_uint8",
]
