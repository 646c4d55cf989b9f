"""Pictures of any kind, at their own depth, with what was written on their backs.

Downwards: writing, kinds, tiff, png, reading, pixels, tint, provenance, profile,
metadata, deep.
"""

from colorflax.picture.kinds import Like, back, take
from colorflax.picture.metadata import Metadata
from colorflax.picture.pixels import Picture
from colorflax.picture.provenance import Provenance
from colorflax.picture.reading import read
from colorflax.picture.writing import FORMATS, MOST, encode

__all__ = [
    "FORMATS",
    "MOST",
    "Like",
    "Metadata",
    "Picture",
    "Provenance",
    "back",
    "encode",
    "read",
    "take",
]
