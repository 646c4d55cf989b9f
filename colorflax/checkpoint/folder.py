"""A run's folder of checkpoints, as Orbax sees it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from colorflax.disk import seals
from colorflax.errors import UserError

FOLDER = "checkpoints"


def open_manager(root: Path, **options: Any) -> ocp.CheckpointManager:
    """A manager of the folder `root`, with Orbax's `options`."""
    return ocp.CheckpointManager(
        root.absolute(),
        item_names=("state", "about"),
        # Without best_fn Orbax neither writes scores down nor reads them.
        options=ocp.CheckpointManagerOptions(best_fn=rank, best_mode="min", **options),
        item_handlers={
            "state": ocp.PyTreeCheckpointHandler(),
            "about": ocp.JsonCheckpointHandler(),
        }
        if options.get("read_only")
        else None,
    )


def read_only(root: Path) -> ocp.CheckpointManager:
    """One that changes nothing."""
    logger = logging.getLogger("absl")
    logger.addFilter(_telling)
    try:
        # The two defaults after read_only are not allowed with it, and Orbax warns.
        return open_manager(root, read_only=True, create=False, save_interval_steps=0)
    finally:
        logger.removeFilter(_telling)


def _telling(record: logging.LogRecord) -> bool:
    # Orbax warns that it was told to change nothing, each time.
    return "Given directory is read only" not in record.getMessage()


def newest_sound(workdir: Path) -> tuple[int | None, dict[int, str]]:
    """The newest step that is whole, and what is wrong with those after it."""
    root = workdir / FOLDER
    if not root.is_dir():
        return None, {}
    manager = read_only(root)
    found = sorted(manager.all_steps(), reverse=True)
    manager.close()
    damaged: dict[int, str] = {}
    for step in found:
        problem = seals.broken(root / str(step))
        if problem is None:
            return step, damaged
        damaged[step] = problem
    if damaged:
        raise UserError(
            f"{root}: every checkpoint is damaged ({step}: {damaged[step]}); "
            "begin again in another --workdir"
        )
    return None, {}


def rank(metrics: Mapping[str, float]) -> tuple[int, float]:
    """Lower is better: the newest yardstick first, then the score."""
    # Checkpoints without a yardstick are older than the first change of one.
    return -int(metrics.get("yardstick", 0)), metrics["score"]
