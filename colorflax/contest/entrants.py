"""Checkpoints that are judged: their rows' names, and what they know already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from colorflax import checkpoint, config
from colorflax.checkpoint.folder import FOLDER
from colorflax.contest.baselines import BASELINES
from colorflax.contest.match import Result
from colorflax.data import library
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.pretrained import release, shipped


class Entrant(NamedTuple):
    """A checkpoint that is judged."""

    name: str  # of its row
    saved: checkpoint.Saved
    own: library.Division | None  # what its run divided, where that is still here

    def trained_on(self, result: Result) -> int | None:
        """How many of the photographs; None if it cannot be said."""
        if self.own is None:
            return None
        seen = {digest.tobytes().hex() for digest in self.own.training.digests}
        return sum(sha256 in seen for sha256 in result.photographs)

    def said(self, result: Result) -> str:
        """Which it is, and what it knows of the photographs, in a line."""
        path, step = files.shown(self.saved.path), self.saved.step
        seen = "not known whether it trained on them"
        if (known := self.trained_on(result)) is not None:
            seen = f"trained on {known or 'none'} of them"
        if began := self.saved.about.get("init_from"):
            seen += f"; it began with {began['name']}, which may have"
        steps = [int(x.name) for x in self.saved.path.parent.iterdir()
                 if x.name.isdigit()]  # fmt: skip
        if step < max(steps, default=step):
            seen += f"; the last of its run is step {max(steps)}"
        return f"{path}, step {step}; {seen}"

    def record(self, result: Result) -> dict[str, Any]:
        """For the protocol."""
        return {
            "path": str(self.saved.path),
            "step": self.saved.step,
            "sha256": checkpoint.digest(self.saved.variables),
            "by": self.saved.about["colorflax"],
            "trained_on": self.trained_on(result),
        }


def named(names: Sequence[str]) -> list[Entrant]:
    """Those that a user names.

    Raises:
        UserError: one is named twice, or cannot be read.
    """
    if len({*names}) < len(names):
        raise UserError("one checkpoint is named by two --checkpoint; name each once")
    ends = [_end(Path(name)) for name in names]
    # As short as tells them apart, from each other and from the baselines.
    short = len({*ends}) == len(ends) and not {*ends} & {*BASELINES, ""}
    saved = [shipped.load(name) for name in names]
    return [
        Entrant(*entry, _own(entry[1]))
        for entry in zip(ends if short else names, saved, strict=True)
    ]


def _end(path: Path) -> str:
    """RUN, or RUN/STEP of RUN/checkpoints/STEP."""
    if path.parent.name != FOLDER:
        return path.name
    return f"{path.parent.parent.name}/{path.name}"


def seeing(
    settings: config.Config, saved: checkpoint.Saved, decoding: dict[str, float]
) -> config.Config:
    """The settings of a checkpoint, with the photographs and views of others."""
    values = config.parse(saved.about["config"]).to_dict()
    values["objective"] |= decoding
    values["model"]["scene_weight"] = 0.0
    values["data"] = settings.to_dict()["data"]
    return config.parse(values)


def _own(saved: checkpoint.Saved) -> library.Division | None:
    """The photographs of the run; None where they are not here, or not all the same."""
    if saved.about["photographs"] == release.PHOTOGRAPHS:
        return None
    try:
        found = library.find(config.parse(saved.about["config"]).data)
    except UserError:
        return None
    return found if library.fingerprint(found) == saved.about["photographs"] else None
