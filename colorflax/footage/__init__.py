"""Films: frames in, coloured frames out, with their sound. Alone in knowing PyAV.

Downwards: parts, reel, tracks, film.
"""

from colorflax.footage.film import Film, Frame, frames, in_a_line, look
from colorflax.footage.parts import Parts
from colorflax.footage.reel import Reel, comment, join

__all__ = [
    "Film",
    "Frame",
    "Parts",
    "Reel",
    "comment",
    "frames",
    "in_a_line",
    "join",
    "look",
]
