"""The language of splits: `train`, `train[:90%]`, `validation[100:200]`.

Names and slices mean what they mean in TensorFlow Datasets: bounds count photographs
or per cent of them, a negative one counts from the end, and per cents are rounded to
the nearest photograph.
"""

import dataclasses
import re
import sys

from colorflax.errors import UserError

_SPLIT = re.compile(r"([\w-]+)(?:\[(?:(-?\d+)(%?))?:(?:(-?\d+)(%?))?\])?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Bound:
    """A place in a split: so many photographs or per cent from its start or end."""

    value: int  # negative counts from the end
    percent: bool

    def of(self, size: int) -> int:
        """The number of photographs before this place, perhaps outside 0..size."""
        place = round(self.value * size / 100) if self.percent else self.value
        return place if self.value >= 0 else size + place


@dataclasses.dataclass(frozen=True)
class Split:
    """A named part of a source, or a slice of one."""

    text: str
    name: str
    start: Bound | None
    stop: Bound | None

    def of(self, size: int) -> range:
        """Which photographs these are, of `size` in the named part.

        Raises:
            UserError: they reach beyond what there is, or are none.
        """
        start, stop = self.places(size)
        if min(start, stop) < 0 or max(start, stop) > size:
            raise UserError(f"{self.text} reaches beyond the {size} photographs")
        if start >= stop:
            raise UserError(f"{self.text} holds none of the {size} photographs")
        return range(start, stop)

    def places(self, size: int) -> tuple[int, int]:
        """Where it starts and stops, as written."""
        return (
            0 if self.start is None else self.start.of(size),
            size if self.stop is None else self.stop.of(size),
        )


def parse(text: str) -> Split:
    """Read a split; `UserError` if it is none, or empty however many there are."""
    found = _SPLIT.fullmatch(text)
    if found is None:
        raise UserError(
            f"{text!r} is not a split; write NAME or NAME[FROM:TO], for example "
            "train, train[:90%] or train[-500:]"
        )
    name, start, start_percent, stop, stop_percent = found.groups()
    bounds = []
    for value, percent in ((start, start_percent), (stop, stop_percent)):
        bounds.append(None if value is None else Bound(int(value), percent == "%"))
        if percent and abs(int(value)) > 100:
            raise UserError(f"{text!r} asks for more than 100%")
    split = Split(text, name, *bounds)
    size = _any_size(split)
    if size is not None:
        first, end = split.places(size)
        if first >= end:
            raise UserError(f"{text!r} ends before it begins")
    return split


def overlap(one: Split, other: Split) -> bool:
    """Whether they share photographs, as far as can be told without counting them."""
    size = _any_size(one, other)
    if one.name != other.name or size is None:
        return False
    return bool(common(range(*one.places(size)), range(*other.places(size))))


def common(one: range, other: range) -> range:
    """The numbers in both ranges of step 1."""
    return range(max(one.start, other.start), min(one.stop, other.stop))


def _any_size(*splits: Split) -> int | None:
    """A number of photographs at which the bounds lie as at any other, if there is."""
    bounds = [b for s in splits for b in (s.start, s.stop) if b is not None]
    if all(bound.percent for bound in bounds):
        return 100
    alike = len({(bound.percent, bound.value < 0) for bound in bounds}) == 1
    return sys.maxsize if alike else None
