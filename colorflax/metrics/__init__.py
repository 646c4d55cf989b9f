"""Numbers about coloured photographs, and how far to trust them.

Downwards: photograph, hue, ssim, calibration, bootstrap, significance, frechet.
"""

from colorflax.metrics.photograph import (
    AB_PEAK,
    DISTANCES,
    FARTHEST,
    LEAST_CHROMA,
    numbers,
    sums,
)

__all__ = ["AB_PEAK", "DISTANCES", "FARTHEST", "LEAST_CHROMA", "numbers", "sums"]
