"""Colour black-and-white photographs with JAX and Flax."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from colorflax.errors import UserError as UserError

if TYPE_CHECKING:
    from colorflax.predict import Colorizer

_arguments = iter(sys.orig_argv if sys.argv[:1] == ["-m"] else ())
_module = next(_arguments, "") if "-m" in _arguments else ""
_ours = f"{_module}.".startswith(("colorflax.", "launch."))
if _ours or "".join(sys.argv[:1]).endswith("/colorflax"):
    # One of our commands begins, with seconds of imports.
    from colorflax.machines import hugepages, signals

    if _module in ("colorflax.main", "launch.ablate", "launch.bench"):
        hugepages.begin_again()  # those that train
    signals.hold()

__version__ = "0.3.0"


def load(
    path: str | Path | None = None, size: int | None = None, edges: bool = True
) -> "Colorizer":
    """A function that colours pictures, from a run's folder or one of its checkpoints.

    Args:
        path: RUN, for its best checkpoint, or RUN/checkpoints/STEP; None for the one
            that comes with colorflax.
        size: px, the side that training fixed, of what the network sees of a picture;
            that of training if None.
        edges: colours follow the edges of the picture, and are even between them;
            otherwise they are as the network says, enlarged.

    Raises:
        UserError: no checkpoint there, or its backbone's weights cannot be had.
    """
    from colorflax import predict  # and JAX with it: `import colorflax` takes no time

    return predict.load(path, size, edges)
