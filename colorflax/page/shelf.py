"""The photographs that were used last; another is looked at again when it is used."""

from pathlib import Path

from colorflax.page.sitting import Sitting
from colorflax.workshop.studio import Studio

_MOST = 4  # that are kept: each is in memory at full size


class Shelf:
    """Photographs by their files, whoever has opened how many of them in how many tabs.

    Looking again takes a second or so, and nobody loses anything.
    """

    def __init__(self, studio: Studio, most_pixels: float):
        self._studio, self._most_pixels = studio, most_pixels
        self._kept: dict[Path, Sitting] = {}  # the last used is the last

    def take(self, file: Path) -> Sitting:
        """A photograph that was looked at, now or before.

        Raises:
            UserError: it is too large, or cannot be read.
        """
        sitting = self._kept.pop(file, None)
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        if sitting is None:
            sitting = Sitting(self._studio, file, self._most_pixels)
        self._kept[file] = sitting
        return sitting
