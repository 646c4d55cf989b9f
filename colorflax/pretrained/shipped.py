"""The checkpoint that comes with the package, and the word for it."""

from pathlib import Path

from colorflax import checkpoint
from colorflax.disk import files

WORD = "default"
FOLDER = Path(__file__).parent.parent / "weights"


def load(name: str | Path | None) -> checkpoint.Saved:
    """The checkpoint that a user names; ours for `default` and where none is named.

    Args:
        name: a run's folder, one checkpoint in it, or `default`; a folder of that name
            is `./default`, or any `Path`.

    Raises:
        UserError: it is not there, or cannot be read.
    """
    if name is None or name == WORD:
        return checkpoint.load(FOLDER)
    return checkpoint.load(files.local(str(name)))
