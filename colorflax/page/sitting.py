"""A photograph that was looked at once, and the settings that are tried on it.

Everything is shown small; the file is made at full size when it is asked for, and is
the one that `colorize` writes with these settings.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from colorflax.control.order import Hint, Wish
from colorflax.data.opening import size
from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.objectives import Classification
from colorflax.page import pointing
from colorflax.painting.prediction import Prediction
from colorflax.picture import Picture, read
from colorflax.workshop import account, album
from colorflax.workshop.studio import Studio

COLOURS, CONFIDENCE = "colours", "confidence"
_SHOWN, _THUMB = 1024, 256  # px, the longest side

Shown = UInt8[np.ndarray, "h w 3"]


def sample(number: int | str) -> str:
    """What sample 1, 2 ... is called, here and in the names of files."""
    return f"sample-{number}"


def need_small(file: Path, most_pixels: float) -> str:
    """The name of a photograph's file, for messages, if it is not too large.

    Raises:
        UserError: it is, or it is no picture.
    """
    name = shown(file.name)
    w, h = size(file, name)
    if w * h > most_pixels:
        raise UserError(
            f"{name}: {w * h / 1e6:.1f} megapixels, more than the "
            f"{most_pixels / 1e6:g} that this page takes; the command "
            "colorflax.colorize takes larger ones"
        )
    return name


class Sitting:
    """One photograph before a network.

    Attributes:
        about: a line about the photograph, and what of it will be lost.
        before: the photograph itself, small.
    """

    def __init__(self, studio: Studio, file: Path, most_pixels: float):
        """Read a photograph and run the network, once.

        Args:
            studio: who colours; what it wishes for is left aside.
            file: the photograph; messages have its name without its folder.
            most_pixels: how large it may be.

        Raises:
            UserError: it is too large, or cannot be read.
        """
        name = need_small(file, most_pixels)
        picture = read(file, name)
        self._name, self._studio = Path(file.name), studio
        self._said = studio.colorizer.look(picture)
        self._small, self._thumb = (_reduced(self._said, n) for n in (_SHOWN, _THUMB))
        self.before: Shown = self._small.source.pixels
        w, h = picture.size
        bits = 8 * picture.pixels.dtype.itemsize
        kind = picture.kind()
        notes = account.notes(kind, picture, album.becomes(self._name, None))
        known = [f"{w} x {h} px", f"{bits} bits", *_KINDS[kind], *notes]
        self.about = ", ".join(known)

    def show(self, which: str, wish: Wish) -> Shown:
        """What the file of that name would look like, small."""
        said = self._at(wish).lent(self._small)
        if which == COLOURS:
            return said.picture(**wish.touch)
        if which == CONFIDENCE:
            return _grey(said.confidence())
        number = int(which.removeprefix(sample("")))
        drawn = said.samples(wish.samples, wish.seed, **wish.touch)
        return next(itertools.islice(drawn, number - 1, None))

    def names(self, wish: Wish) -> list[str]:
        """All that can be shown: the expected colours first."""
        if not isinstance(self._said.objective, Classification):
            return [COLOURS]
        return [COLOURS, *map(sample, range(1, wish.samples + 1)), CONFIDENCE]

    def choices(self, wish: Wish) -> list[tuple[str, Shown]]:
        """All of them by name, smaller still."""
        said = self._at(wish).lent(self._thumb)
        shown = [said.picture(**wish.touch)]
        if isinstance(said.objective, Classification):
            shown += said.samples(wish.samples, wish.seed, **wish.touch)
            shown.append(_grey(said.confidence()))
        return list(zip(self.names(wish), shown, strict=True))

    def hint(self, click: Sequence[int], colour: str) -> Hint:
        """A colour that is set by a click on what is shown.

        Args:
            click: px of that, from the left and the top edge.
            colour: as a browser has it.

        Raises:
            UserError: it is no colour.
        """
        shown, size = self._small.source.size, self._said.source.size
        return Hint(*pointing.place(click, shown, size), pointing.colour(colour))

    def marked(self, shown: Shown, hints: Sequence[Hint]) -> Shown:
        """What is shown, with rings around the points where colours were set."""
        return pointing.marked(shown, self._said.source.size, hints)

    def file(self, which: str, wish: Wish) -> tuple[str, bytes]:
        """The file at full size, and what `colorize` would call it."""
        target = album.becomes(self._name, wish.format)
        place = target if which == COLOURS else album.beside(target, which)
        wanted = dataclasses.replace(
            wish,
            confidence=which == CONFIDENCE,
            samples=0 if which in (COLOURS, CONFIDENCE) else wish.samples,
        )
        prints = self._at(wanted).prints(self._said, target)
        return place.name, next(make for path, make in prints if path == place)()

    def _at(self, wish: Wish) -> Studio:
        """The studio at that wish; it keeps the reference until another is named."""
        self._studio = self._studio.wishing(wish)
        return self._studio


_KINDS = {
    "grey": ["grey"],
    "toned": ["toned, taken as grey"],
    "coloured": [],  # which is noted, as the command does
}


def _reduced(said: Prediction, side: int) -> Prediction:
    """What was said of a picture, said of a small copy of it."""
    source = said.source
    image = source.small(max(1, max(source.size) // (2 * side)))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    small = Picture(np.asarray(image))
    return dataclasses.replace(said, source=small, pointed=source.size)


def _grey(values: UInt8[np.ndarray, "h w"]) -> Shown:
    return np.repeat(values[..., None], 3, axis=2)
