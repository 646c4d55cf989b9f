"""What is asked of colorize: of every photograph, and of all of them.

A room without libraries, so that a command has read its flags before it waits for them.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from colorflax.errors import UserError

LIKENESS = 0.5
"""Of a reference or a palette, if nobody says how much."""


class Hint(NamedTuple):
    """A colour that somebody has set at a point of a photograph."""

    x: float  # px from the left, of the upright picture
    y: float  # px from the top
    colour: str  # as in CSS: #c8a878, tan


def point(given: Sequence[object]) -> Hint:
    """(x, y, colour) -> a hint.

    Raises:
        UserError: it is something else.
    """
    try:
        x, y, colour = given
        return Hint(float(x), float(y), str(colour))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UserError(
            f"{given!r} should be (x, y, colour), as in (120, 340, '#c8a878')"
        ) from None


def hint(text: str) -> Hint:
    """X,Y,COLOUR -> a hint.

    Raises:
        UserError: it is not written like that.
    """
    try:
        x, y, colour = text.split(",", 2)
        return Hint(float(x), float(y), colour.strip())
    except ValueError:
        raise UserError(
            f"{text!r} should be X,Y,COLOUR, as in 120,340,#c8a878"
        ) from None


def colours(pieces: Sequence[str]) -> tuple[str, ...]:
    """A list that was cut at commas -> its colours, of which rgb(1, 2, 3) is one."""
    whole: list[str] = []
    for piece in map(str.strip, pieces):
        if whole and whole[-1].count("(") > whole[-1].count(")"):
            whole[-1] += f",{piece}"
        else:
            whole.append(piece)
    return tuple(filter(None, whole))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What is wanted of every photograph; see the flags of colorize.py."""

    temperature: float | None = None
    saturation: float = 1.0
    tau: float | None = None
    size: int | None = None
    edges: str = "guided"
    samples: int = 0
    seed: int = 0
    confidence: bool = False
    compare: bool = False
    hints: tuple[Hint, ...] = ()
    reference: str | None = None
    palette: tuple[str, ...] = ()
    likeness: float = LIKENESS
    format: str | None = None
    provenance: bool = True

    @property
    def beside(self) -> tuple[str, ...]:
        """What is wanted with each coloured picture, as the files' names say it."""
        samples = tuple(f"sample-{i}" for i in range(1, self.samples + 1))
        wanted = {"confidence": self.confidence, "compare": self.compare}
        return samples + tuple(what for what in wanted if wanted[what])

    @property
    def touch(self) -> dict[str, Any]:
        """What `Prediction.picture` and `samples` are told of it, by name."""
        names = ("temperature", "saturation", "tau", "hints")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """Photographs, a checkpoint, and what to make of them."""

    names: Sequence[str]  # files, patterns, folders; or - alone, for a pipe
    checkpoint: str | None
    out: Path
    report: Path | None
    overwrite: bool
    wish: Wish
