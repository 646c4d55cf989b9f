"""A checkpoint opened for use, and what it remembers of its run."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from colorflax.checkpoint.folder import FOLDER, newest_sound, read_only
from colorflax.disk import seals
from colorflax.errors import UserError

_PATIENCE = 20  # looks for one that stays
_LONG = 3_600  # seconds; reading takes a few


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a checkpoint holds for use after training."""

    path: Path
    step: int
    about: dict[str, Any]  # config, weights of the backbone, version
    variables: Any  # of the network: params, and batch_stats where it has them; those
    # of the moving average where the run kept one


def load(path: str | Path) -> Saved:
    """Open a checkpoint for use: the network without the optimiser, on one device.

    Args:
        path: a run's folder, for its best checkpoint; or one checkpoint in it, such as
            RUN/checkpoints/400.

    Raises:
        UserError: there is no checkpoint, or it cannot be read.
    """
    path = Path(path)
    named = path.parent.name == FOLDER and path.name.isdigit()
    root = path.parent if named else path / FOLDER
    if not root.is_dir():
        raise UserError(
            f"{path}: no checkpoint here; name the folder of a run, one checkpoint in "
            "it, or `default`, which comes with colorflax"
        )
    for _ in range(1 if named else _PATIENCE):
        step = int(path.name) if named else _best(root)
        folder = root / str(step)
        if step is not None and folder.is_dir():
            try:
                with _held(folder) as held:
                    return _take(held, folder)
            except UserError:
                if named or not _disappears(folder):
                    raise
        # A run that goes on removes old ones: before we held it, or while we looked.
        time.sleep(0.05)
    raise UserError(f"{path}: no complete checkpoint here")


def _best(root: Path) -> int | None:
    # Removed between list and look.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        manager = read_only(root)
        best = manager.best_step()
        step = manager.latest_step() if best is None else best
        manager.close()
        return step
    return None


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """The checkpoint in a place where no run removes it: a second name of each file.

    Its own place where links cannot be made, as on a read-only disk, and where nothing
    trains: what was exported is not written beside.
    """
    root = folder.parent.parent
    if not (root / "lock").exists():
        yield folder
        return
    _sweep(root)
    with contextlib.ExitStack() as stack:
        place = folder
        try:
            # Beside the folder of checkpoints, for a link needs the same disk.
            aside = stack.enter_context(
                tempfile.TemporaryDirectory(
                    prefix="reading-", dir=root, ignore_cleanup_errors=True
                )
            )
            shutil.copytree(folder, Path(aside) / folder.name, copy_function=os.link)
            place = Path(aside) / folder.name
        except OSError:
            pass
        yield place


def _sweep(root: Path) -> None:
    """Remove the second names that readers left who were killed, for they take room."""
    for left in root.glob("reading-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _LONG:
                shutil.rmtree(left)


def _take(held: Path, folder: Path) -> Saved:
    manager, step = read_only(held.parent), int(held.name)
    try:
        # Before Orbax reads: it leaves reads behind that fail aloud after a first one.
        if problem := seals.broken(held):
            raise _damaged(folder, problem)
        items = ocp.args.Composite(
            about=ocp.args.JsonRestore(), state=_only_network(manager, step)
        )
        restored = manager.restore(step, args=items)
    except UserError:
        raise
    except Exception as error:  # Orbax raises that very class for a failed read
        raise _damaged(folder, error) from None
    finally:
        manager.close()
    state = restored["state"]
    newest = {"params": state.get("params"), **state.get("model_state", {})}
    variables = state.get("average", newest)
    return Saved(folder, step, dict(restored["about"]), variables)


def _disappears(folder: Path) -> bool:
    """Whether a folder is gone within a second."""
    for _ in range(10):
        if not folder.exists():
            return True
        time.sleep(0.1)
    return False


def remembered(workdir: Path) -> dict[str, Any] | None:
    """The notes in the newest checkpoint of a run that is not damaged.

    None where nothing was saved yet.

    Raises:
        UserError: all that were saved are damaged.
    """
    step, _ = newest_sound(workdir)
    if step is None:
        return None
    root = workdir / FOLDER
    manager = read_only(root)
    try:
        items = ocp.args.Composite(about=ocp.args.JsonRestore())
        return dict(manager.restore(step, args=items)["about"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(root / str(step), error) from None
    finally:
        manager.close()


def _damaged(folder: Path, error: Exception | str) -> UserError:
    why = str(error).strip().split("\n")[0][:200]
    return UserError(
        f"{folder}: a damaged checkpoint ({why}); take another one in {folder.parent}"
    )


def _only_network(manager: ocp.CheckpointManager, step: int) -> ocp.args.PyTreeRestore:
    stored = manager.item_metadata(step)["state"].tree
    network = ("average",) if "average" in stored else ("params", "model_state")
    # Of many processes each reads for itself, on to a device that it has.
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def wanted(x: Any) -> jax.ShapeDtypeStruct:
        # An export may have stored half of the digits; nobody computes with so few.
        dtype = jnp.float32 if x.dtype == jnp.bfloat16 else x.dtype
        return jax.ShapeDtypeStruct(x.shape, dtype, sharding=here)

    target = jax.tree.map(
        wanted,
        {name: stored[name] for name in network if name in stored},
    )
    return ocp.args.PyTreeRestore(
        item=target,
        restore_args=ocp.checkpoint_utils.construct_restore_args(target),
        partial_restore=True,
    )
