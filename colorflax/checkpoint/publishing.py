"""A network without its training, in the layout of a run's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from colorflax.checkpoint.folder import FOLDER
from colorflax.checkpoint.reading import remembered
from colorflax.checkpoint.writing import Checkpoints
from colorflax.errors import UserError


def need_none(out: Path) -> None:
    """Raise `UserError` where there are checkpoints already."""
    if remembered(out) is not None:
        raise UserError(f"{out} holds a checkpoint already; name another --out")


def publish(
    out: Path, step: int, variables: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Write one checkpoint that `load` opens, sealed as those of a run are.

    Args:
        out: a folder without checkpoints; made if it is not there.
        step: how many updates made the network.
        variables: of the network; bfloat16 comes back as float32.
        about: as a run's; `config` must build the network.

    Raises:
        UserError: `out` holds a checkpoint already, or cannot be written.
    """
    need_none(out)
    variables = jax.device_get(variables)  # on which devices they are is no matter
    state = {
        "params": variables["params"],
        "model_state": {k: v for k, v in variables.items() if k != "params"},
    }
    checkpoints = Checkpoints(out, about, keep=1)
    checkpoints.save(step, state, score=None)
    checkpoints.close()
    # Orbax writes them after the seal, and says in them where on this machine it was.
    for note in (out / FOLDER / str(step)).rglob("commit_success.txt"):
        note.write_bytes(b"")
