"""One photograph becomes the files that are wished for."""

import copy
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from colorflax import __version__, checkpoint, predict
from colorflax.control import reference
from colorflax.control.order import Wish
from colorflax.data.opening import opened
from colorflax.disk import files
from colorflax.painting import guided, paint, prediction
from colorflax.painting.prediction import Prediction
from colorflax.picture import FORMATS, MOST, Picture, Provenance, encode, read
from colorflax.picture.pixels import Pixels, narrow
from colorflax.predict import Colorizer
from colorflax.workshop.album import beside

Said = Mapping[str, str | float]
"""What is said of one picture beside what all have in common."""

_FORMAT_OF = {suffix: name for name, suffix in FORMATS.items()}


class _Lender(NamedTuple):
    """A reference or a palette: its colours, and what is said of it."""

    shares: reference.Shares | reference.Palette
    said: Said


class Studio:
    """A colorizer with a wish.

    Raises:
        UserError: the checkpoint cannot do what is wished for.
    """

    def __init__(self, colorizer: Colorizer, wish: Wish):
        self.colorizer = colorizer
        self._wish, self._decoding = wish, self._decoding_of(wish)
        self._sha256 = checkpoint.digest(colorizer.saved.variables)
        self._lender = self._borrowed(wish)

    def wishing(self, wish: Wish) -> "Studio":
        """The same colorizer with another wish, of the same size and edges.

        Raises:
            UserError: as for a new one.
        """
        other = copy.copy(self)
        other._wish, other._decoding = wish, self._decoding_of(wish)
        lent = [(x.reference, x.palette) for x in (wish, self._wish)]
        if lent[0] != lent[1]:
            other._lender = self._borrowed(wish)
        return other

    def settings(self) -> dict[str, Any]:
        """All that a written file depends on, beside its source."""
        wish = dataclasses.asdict(self._wish) | self._decoding
        saved = {"checkpoint": self._sha256, "step": self.colorizer.saved.step}
        lent = self._lender.said if self._lender else {}
        return {"colorflax": __version__, **saved, **wish, **lent}

    def lent(self, said: Prediction) -> Prediction:
        """What was said of a picture, with the colours of the reference, if any."""
        if self._lender is None:
            return said
        return said.like(self._lender.shares, self._wish.likeness)

    def painted(self, said: Prediction) -> Pixels:
        """What was said, to which a reference was `lent`, as a picture."""
        return said.picture(**self._wish.touch)

    def one(self, content: bytes, name: str) -> bytes:
        """A file's content, coloured."""
        picture = read(content, name)
        kept = {"PNG": "png", "TIFF": "tif"}.get(picture.metadata.format, "png")
        pixels = self.painted(self.lent(self.colorizer.look(picture)))
        return self._encode(self._wish.format or kept, picture, pixels, {})

    def files(
        self, picture: Picture, target: Path
    ) -> Iterator[tuple[Path, Callable[[], bytes]]]:
        """Each file with what makes its content, `target` at the end.

        So where that is, nothing is missing.
        """
        yield from self.prints(self.colorizer.look(picture), target)

    def prints(
        self, said: Prediction, target: Path
    ) -> Iterator[tuple[Path, Callable[[], bytes]]]:
        """The same of a picture that the colorizer has looked at."""
        wish, picture, said = self._wish, said.source, self.lent(said)
        format = _FORMAT_OF[target.suffix]
        make = functools.partial(self._encode, format, picture)
        if wish.confidence:
            sure = said.confidence()
            opaque = dataclasses.replace(picture, alpha=None)
            shows: Said = {"shows": "confidence"}
            yield (
                beside(target, "confidence"),
                functools.partial(self._encode, format, opaque, sure, shows),
            )
        drawn = said.samples(wish.samples, wish.seed, **wish.touch)
        for i, pixels in enumerate(drawn if wish.samples else (), start=1):
            what: Said = {
                "sample": f"{i} of {wish.samples}", "seed": wish.seed, "gain": 1.0,
                "temperature": self._decoding["drawn_at"],
            }  # fmt: skip
            yield beside(target, f"sample-{i}"), functools.partial(make, pixels, what)
        pixels = self.painted(said)
        if wish.compare:
            both = functools.partial(self._compare, format, picture, pixels)
            yield beside(target, "compare"), both
        yield target, functools.partial(make, pixels, {})

    def _decoding_of(self, wish: Wish) -> dict[str, float]:
        """How heads are decoded: by the wish, or as the checkpoint says."""
        objective = self.colorizer.objective
        name = str(self.colorizer.saved.path)
        for what in ("samples", "confidence"):
            if getattr(wish, what):
                prediction.distribution(objective, f"--{what}", name)
        prediction.need_saturation(wish.saturation)
        prediction.need_likeness(wish.likeness)
        temperature, tau = prediction.settle(
            objective, wish.temperature, wish.tau, name
        )
        wished = wish.temperature
        return {
            "temperature": temperature, "tau": tau, "gain": objective.gain,
            "drawn_at": prediction.DRAWN_AT if wished is None else wished,
        }  # fmt: skip

    def _borrowed(self, wish: Wish) -> "_Lender | None":
        if wish.palette:
            name = str(self.colorizer.saved.path)
            prediction.distribution(self.colorizer.objective, "--palette", name)
            said = {"palette": ",".join(wish.palette)}
            return _Lender(reference.palette(wish.palette), said)
        if wish.reference is None:
            return None
        file = files.local(wish.reference)
        with opened(file, str(file)):  # or it says in a line what is wrong
            content = file.read_bytes()
        shares = self.colorizer.colours(read(content, str(file)), str(file))
        return _Lender(shares, {"reference": hashlib.sha256(content).hexdigest()})

    def _compare(self, format: str, picture: Picture, pixels: Pixels) -> bytes:
        """Grey to the left, coloured to the right; smaller where they do not fit."""
        nothing = guided.enlarge(np.zeros((1, 1, 2), np.float32), picture.size)
        grey = paint.paint(picture.pixels, nothing)
        most = MOST.get(format, 2**31) // 2

        def twice(left: Pixels, right: Pixels) -> Pixels:
            return np.concatenate([narrow(x, most) for x in (left, right)], axis=1)

        both, alpha = twice(grey, pixels), picture.alpha
        if alpha is not None:
            alpha = twice(alpha, alpha)
        wide = dataclasses.replace(picture, pixels=both, alpha=alpha)
        return self._encode(format, wide, both, {"shows": "grey and coloured"})

    def _encode(
        self, format: str, picture: Picture, pixels: Pixels, what: Said
    ) -> bytes:
        made, metadata = self.provenance(what), picture.metadata
        if made:
            metadata = made.sign(metadata)
        return encode(format, pixels, picture.alpha, metadata)

    def provenance(self, what: Said) -> Provenance | None:
        """What is to be said of where colours come from, and `what`; if it is."""
        if not self._wish.provenance:
            return None
        wish = dataclasses.asdict(self._wish) | self._decoding
        names = ("temperature", "saturation", "tau", "gain", "size", "edges")
        if self._lender:
            what = {**what, **self._lender.said, "likeness": self._wish.likeness}
        if wish["hints"]:  # and so not all of it is the machine's
            what = {**what, "hints": f"{len(wish['hints'])} by hand"}
        return Provenance(
            software=f"colorflax {__version__}",
            checkpoint=self._sha256,
            step=self.colorizer.saved.step,
            settings={name: wish[name] for name in names} | dict(what),
        )


def hire(checkpoint: str | None, wish: Wish) -> Studio:
    """One with the checkpoint that a user names, or ours.

    Raises:
        UserError: there is none, or it cannot do what is wished for.
    """
    with ThreadPoolExecutor(1) as beside:  # it takes as long as the loading
        beside.submit(paint.ready)
        guided = wish.edges == "guided"
        return Studio(predict.load(checkpoint, wish.size, guided), wish)
