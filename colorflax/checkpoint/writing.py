"""The checkpoints of a run that is going on: saved, judged, restored, set aside."""

import contextlib
import functools
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from colorflax.checkpoint.folder import FOLDER, newest_sound, open_manager, rank
from colorflax.disk import files, seals
from colorflax.errors import UserError
from colorflax.machines import distributed

_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one run: the newest few, and the best of those with a score.

    Saving happens in the background; a checkpoint appears under its final name only
    when it is complete, so a run killed at any moment leaves whole ones. One that was
    damaged later is set aside on opening, with a warning; the one before it counts.

    Args:
        workdir: the run's folder.
        about: notes for every checkpoint; `yardstick` tells which scores compare.
        keep: how many of the newest.

    Raises:
        UserError: all that were saved are damaged; from every method, that a checkpoint
            could not be saved.
    """

    def __init__(self, workdir: Path, about: Mapping[str, Any], *, keep: int):
        best = policies.BestN(
            get_metric_fn=rank,
            reverse=True,  # the lowest last, where Orbax looks for the best
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        newest = policies.LatestN(n=keep)
        _set_aside(workdir)
        self._workdir, self._about = workdir, dict(about)
        root = (workdir / FOLDER).absolute()
        self._manager = open_manager(
            root,
            async_options=ocp.AsyncOptions(
                post_finalization_callback=functools.partial(_seal, root)
            ),
            preservation_policy=policies.AnyPreservationPolicy([newest, best]),
            cleanup_tmp_directories=True,
        )

    def save(self, step: int, state: Any, score: float | None) -> None:
        """Save `state` as of `step`; `score` (lower is better) if it was evaluated."""
        items = ocp.args.Composite(
            state=ocp.args.StandardSave(state), about=ocp.args.JsonSave(self._about)
        )
        metrics = None if score is None else self._metrics(score)
        # Orbax reads the arrays, which is what the guard of a training loop forbids.
        with jax.transfer_guard("allow"), self._saving():
            self._manager.save(step, args=items, metrics=metrics, force=True)

    def check(self) -> None:
        """Fail if a save in the background did."""
        with self._saving():
            self._manager.check_for_errors()

    def scored(self, step: int) -> bool:
        """Whether a saved step has a score."""
        return self._manager.metrics(step) is not None

    def score(self, step: int, score: float) -> None:
        """Add the score that a saved step lacks."""
        folder = self._workdir / FOLDER / str(step)
        with self._saving():
            if jax.process_index() == 0:
                metrics = json.dumps(self._metrics(score)).encode()
                # Where Orbax has it; the seal is renewed after, so that no moment
                # shows a broken one: what a seal does not know does not break it.
                files.write(folder / "metrics" / "metrics", metrics)
                seals.seal(folder)
            distributed.barrier("a checkpoint got its score")
        self._manager.reload()

    def latest(self) -> int | None:
        """The newest complete step."""
        return self._manager.latest_step()

    def restore(self, step: int, like: Any) -> Any:
        """The state of a step, laid out over devices as `like` is.

        Raises:
            UserError: it has other parts or shapes than `like`.
        """
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(target))
        try:
            return self._manager.restore(step, args=args)["state"]
        except (ValueError, KeyError, TypeError):
            raise UserError(
                f"{self._workdir}: what step {step} saved has other parts or shapes "
                "than the network and optimiser of this config; take back what was "
                "changed, or name another --workdir for a new run"
            ) from None

    def close(self) -> None:
        """Wait until everything is on disk."""
        with self._saving():
            self._manager.wait_until_finished()
        self._manager.close()

    def _metrics(self, score: float) -> dict[str, float]:
        return {"score": score, "yardstick": self._about.get("yardstick", 0)}

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        reason = None
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            reason = _reason(error)
        if reason is not None:  # out here, where the error with all its frames is gone
            step, _ = newest_sound(self._workdir)
            whole = "none was saved before" if step is None else f"step {step} is whole"
            raise UserError(
                f"{self._workdir}: a checkpoint could not be saved ({reason}); "
                f"{whole}; mend that and give the same command again"
            )


def _set_aside(workdir: Path) -> None:
    step, damaged = newest_sound(workdir)
    distributed.barrier("all have looked for damaged checkpoints")
    for bad, problem in damaged.items():
        place = workdir / "damaged" / str(bad)
        _log.warning(
            "%s: the checkpoint of step %d is damaged (%s); going on from that of step "
            "%d; the damaged one is in %s", workdir, bad, problem, step, place,
        )  # fmt: skip
        if jax.process_index() == 0:
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(exist_ok=True)
            (workdir / FOLDER / str(bad)).rename(place)
    distributed.barrier("damaged checkpoints are set aside")


def _seal(root: Path) -> None:
    """Called by Orbax when a checkpoint is written but not yet under its name."""
    if jax.process_index() == 0:
        for folder in root.glob("*.orbax-checkpoint-tmp"):
            seals.seal(folder)


def _reason(error: Exception) -> str:
    """The system's words for what failed, which Orbax and its C++ wrap in their own."""
    code = re.search(r"os_error_code='(\d+)'", str(error))
    return os.strerror(int(code[1])) if code else str(error).strip().split("\n")[0]
