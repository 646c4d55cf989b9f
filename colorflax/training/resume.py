"""Whether a run may go on in its folder: what changed since it began, and what may."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colorflax import config
from colorflax.errors import UserError
from colorflax.training import optim

# How long, how often, how fast: what nobody needs to be asked about.
_FREE = frozenset(
    {"train.steps", "train.log_every", "train.eval_every", "train.save_every"}
    | {"train.keep", "train.parallel", "model.remat"}
    | {"data.threads", "data.workers", "data.max_bad_percent", "features.on_missing"}
)
_FIXED = {
    "model.": "the saved parameters belong to that network",
    "objective.name": "the saved parameters end in that head",
    "features.": "the network was trained with those embeddings",
}
# What is saved is float32 in any case, and knows of nothing left out.
_LOOSE = frozenset({"model.dtype", "model.dropout"})
# Evaluations before a change of these cannot be compared with those after it.
_DECODED = ("temperature", "tau", "gain", "scale", "prior")
_YARDSTICK = (
    *("photographs", "data.", "train.best"),
    *(f"objective.{name}" for name in _DECODED),
)
_UNSEEN = ("data.flip", "data.scale_jitter", "data.augment.")  # by evaluation


def changes(before: Mapping[str, Any], settings: config.Config) -> dict[str, str]:
    """What differs from the config in the notes of a checkpoint: dotted name -> how."""
    began = _flat(config.parse(before["config"]).to_dict())
    return {
        name: f"{name} was {began[name]!r} and is {value!r}"
        for name, value in _flat(settings.to_dict()).items()
        if began[name] != value and name not in _FREE
    }


def need_same_parts(
    before: Mapping[str, Any], settings: config.Config, workdir: Path
) -> None:
    """Refuse an optimiser that keeps other things from step to step.

    Raises:
        UserError: what changed, and what can be done.
    """
    began = config.parse(before["config"]).optim
    was, now = optim.parts(began), optim.parts(settings.optim)
    for name in was:
        if was[name] != now[name]:
            how = f"optim.{name} was {getattr(began, name)!r} and is "
            how += repr(getattr(settings.optim, name))
            if name == "schedule":
                how = "its learning rate " + (
                    "moved and is constant" if was[name] else "was constant and moves"
                )
            raise UserError(
                f"{workdir} holds a run that cannot go on like this: {how}, but what "
                "its optimiser saved fits the other only; begin a new run with its "
                f"network: another --workdir, and --init_from={workdir}"
            )


def permit(changed: Mapping[str, str], workdir: Path, allow: bool) -> None:
    """Refuse changes that the saved state does not survive; others unless `allow`.

    Raises:
        UserError: what changed, and what can be done.
    """
    for prefix, reason in _FIXED.items():
        for name, how in changed.items():
            if name.startswith(prefix) and name not in _LOOSE:
                raise UserError(
                    f"{workdir} holds a run that cannot go on like this: {how}, but "
                    f"{reason}; name another --workdir for a new run"
                )
    if changed and not allow:
        raise UserError(
            f"{workdir} holds another run: {'; '.join(changed.values())}. Name another "
            "--workdir for a new run, or let this one go on changed by --allow_changes"
        )


def history(
    before: Mapping[str, Any] | None, changed: Mapping[str, str]
) -> dict[str, Any]:
    """What checkpoints say about changes: all so far, the newest last.

    Scores are compared under the same `yardstick` only, the higher one being newer.
    """
    if before is None:
        return {"changes": [], "yardstick": 0}
    # A run that began before this was written down had no changes.
    earlier, yardstick = before.get("changes", []), before.get("yardstick", 0)
    moved = any(
        name.startswith(_YARDSTICK) and not name.startswith(_UNSEEN) for name in changed
    )
    return {
        "changes": [*earlier, *([list(changed.values())] if changed else [])],
        "yardstick": yardstick + moved,
    }


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
