"""Numbers about coloured photographs, and how far to trust them."""

from colorflax.metrics.photograph import (
    AB_PEAK,
    DISTANCES,
    FARTHEST,
    LEAST_CHROMA,
    numbers,
    sums,
)

__all__ = ["AB_PEAK", "DISTANCES", "FARTHEST", "LEAST_CHROMA", "numbers", "sums"]
