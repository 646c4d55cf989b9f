"""One run of an ablation: begun, gone on with, or found finished."""

from pathlib import Path

from colorflax import checkpoint
from colorflax.data import library
from colorflax.data.library import Division
from colorflax.disk import lock
from colorflax.errors import UserError
from colorflax.training import assemble, resume, train
from colorflax.training.writers import say
from launch.ablation.plan import Training


def finish(training: Training, workdir: Path, sides: Division) -> checkpoint.Saved:
    """Train what is left of a run; its checkpoint after the last step.

    That one is not the best, which would be chosen by the error of one of the losses.

    Raises:
        UserError: it cannot be trained, or the folder holds another run.
        Stopped: a signal came; the same command goes on.
    """
    settings, folder = training.settings, workdir / training.name
    _need_same(training, folder, sides)
    saved = _finished(training, folder)
    if saved is not None:
        say(f"{folder}: finished")
        return saved
    with lock.hold(folder / "lock", "--workdir"):
        run = assemble.assemble(settings, folder)
        train.train(run, settings, folder)
    return checkpoint.load(_last(training, folder))


def _finished(training: Training, folder: Path) -> checkpoint.Saved | None:
    if not _last(training, folder).is_dir():
        return None
    try:
        return checkpoint.load(_last(training, folder))
    except UserError:
        return None  # damaged: training goes on from the one before


def _last(training: Training, folder: Path) -> Path:
    return folder / "checkpoints" / str(training.settings.train.steps)


def _need_same(training: Training, folder: Path, sides: Division) -> None:
    before = checkpoint.remembered(folder)
    if before is None:
        return
    settings = training.settings
    changed = resume.changes(before, settings)
    if before["photographs"] != library.fingerprint(sides):
        where = settings.data.source
        changed["photographs"] = f"the photographs of {where} changed"
    if before.get("changes"):  # by colorflax.main --allow_changes
        changed["changes"] = "it has gone on under other settings than it began with"
    there = [
        int(p.name) for p in (folder / "checkpoints").iterdir() if p.name.isdigit()
    ]
    if max(there) > settings.train.steps:
        much = f"it is at step {max(there)}, beyond {settings.train.steps}"
        changed["train.steps"] = much
    if changed:
        raise UserError(
            f"{folder} holds another run: {'; '.join(changed.values())}; name another "
            "--workdir, for all runs of a table should be alike"
        )
