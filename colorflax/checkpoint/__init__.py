"""Checkpoints on disk. The only room that knows Orbax.

Downwards: publishing, reading, writing, folder, digest.
"""

from colorflax.checkpoint.digest import digest
from colorflax.checkpoint.publishing import need_none, publish
from colorflax.checkpoint.reading import Saved, load, remembered
from colorflax.checkpoint.writing import Checkpoints

__all__ = [
    "Checkpoints", "Saved", "digest", "load", "need_none", "publish", "remembered",
]  # fmt: skip
