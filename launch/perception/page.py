"""The page of a study: one file that a browser opens, and the pictures beside it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorflax.disk import files
from colorflax.errors import UserError
from launch.perception.pictures import Shown
from launch.perception.sittings import Pair

PAGE, NAME, PICTURES = "index.html", "study.json", "pictures"
_TEMPLATE = Path(__file__).with_name("page.html")
_PLACE = "/*STUDY*/null"
_TOLD = ("id", "practice", "sittings", "seconds", "side")


@dataclasses.dataclass(frozen=True)
class Study:
    """What is shown, to whom, and how.

    Attributes:
        systems: whose colours stand beside those of the photographs.
        photos: what the pairs are made of.
        practised: likewise, for practice.
        practice: pairs that everybody begins with, and is told the answer of.
        sittings: one is drawn by the page for each person.
        seconds: how long a pair is seen.
        side: px, its longest side.
        about: what the systems are.
    """

    systems: Sequence[str]
    photos: Sequence[Shown]
    practised: Sequence[Shown]
    practice: Sequence[Pair]
    sittings: Sequence[Sequence[Pair]]
    seconds: float
    side: int
    about: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Of all that decides what an answer means."""
        return hashlib.sha256(json.dumps(self._values()).encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """The page, and what `read` reads; its pictures are in `folder`/pictures."""
        record = {"id": self.id} | self._values()
        # No names, neither of photographs nor of systems.
        told = {key: record[key] for key in _TOLD} | {
            key: [{"true": x.true, "made": x.made} for x in photos]
            for key, photos in (("photos", self.photos), ("practised", self.practised))
        }
        script = json.dumps(told).replace("<", "\\u003c")  # which could end it
        html = _TEMPLATE.read_text().replace(_PLACE, script)
        files.write(folder / PAGE, html.encode())
        files.write(folder / NAME, json.dumps(record, indent=1).encode())

    def _values(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        photos = {
            key: [shown._asdict() for shown in values[key]]
            for key in ("photos", "practised")
        }
        return values | photos


def need_none(folder: Path) -> None:
    """Raise `UserError` where there is something: answers belong to one study.

    The pictures of one that was not finished are nothing.
    """
    if (folder / NAME).exists():
        raise UserError(f"{folder} holds a study already; name another --out")
    if folder.is_dir() and {x.name for x in folder.iterdir()} - {PICTURES}:
        raise UserError(f"{folder} holds other files; name another --out")


def read(folder: Path) -> Study:
    """The study in a folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / NAME
    try:
        values = json.loads(path.read_text())
        known = values.pop("id")
        for key in ("photos", "practised"):
            values[key] = [Shown(**x) for x in values[key]]
        values["practice"] = [Pair(*x) for x in values["practice"]]
        values["sittings"] = [[Pair(*x) for x in pairs] for pairs in values["sittings"]]
        study = Study(**values)
    except FileNotFoundError:
        raise UserError(
            f"{folder} holds no study; name its --out, or no files to make one"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        raise UserError(f"{path} is damaged; make the study again") from None
    if study.id != known:
        raise UserError(f"{path} was changed since it was made; make the study again")
    return study
