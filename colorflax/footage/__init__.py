"""Films: frames in, coloured frames out, with their sound. Alone in knowing PyAV.

Downwards: parts, reel, tracks, film, upright.
"""

from colorflax.errors import UserError

try:
    import av  # noqa: F401
except ImportError:
    raise UserError(
        "films want PyAV, which reads and writes them: pip install av"
    ) from None

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
