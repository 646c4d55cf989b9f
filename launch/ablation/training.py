"""One run of an ablation: begun, gone on with, or found finished."""

from pathlib import Path

from colorflax import assemble, checkpoint, lock, resume, train
from colorflax.data.library import Division
from colorflax.errors import UserError
from colorflax.writers import say
from launch.ablation.plan import Training


def finished(training: Training, workdir: Path) -> checkpoint.Saved | None:
    """The checkpoint after the last step, if the run got there.

    It is not the best one, which would be chosen by the error of one of the losses.

    Raises:
        UserError: the run in that folder is another one.
    """
    folder = workdir / training.name
    last = folder / "checkpoints" / str(training.settings.train.steps)
    if not last.is_dir():
        return None
    try:
        saved = checkpoint.load(last)
    except UserError:
        return None  # damaged: training goes on from the one before
    changed = resume.changes(saved.about, training.settings)
    resume.permit(changed, folder, allow=False)
    return saved


def finish(training: Training, workdir: Path, sides: Division) -> checkpoint.Saved:
    """Train what is left of a run; its checkpoint after the last step.

    Raises:
        UserError: it cannot be trained, or went on for longer than is wanted now.
        Stopped: a signal came; the same command goes on.
    """
    folder = workdir / training.name
    saved = finished(training, workdir)
    if saved is None:
        with lock.hold(folder / "lock", "--workdir"):
            run = assemble.assemble(training.settings, folder)
            train.train(run, training.settings, folder)
        saved = finished(training, workdir)
    else:
        say(f"{folder}: finished")
    if saved is None:
        raise UserError(
            f"{folder} holds a run of more steps than config.base.train.steps="
            f"{training.settings.train.steps}; name another --workdir"
        )
    if saved.about["photographs"] != assemble.fingerprint(sides):
        raise UserError(
            f"{folder}: trained on other photographs than are now in "
            f"{training.settings.data.source}; name another --workdir"
        )
    return saved
