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
        path: RUN, for its best checkpoint, or RUN/checkpoints/STEP; None for the
            bundled network.
        size: px, at least 16, the side at which the network sees a picture: the short
            one, or the long one if it was trained with fit=pad. None for that of
            training; for a network trained at varying sizes, the multiple of 32 nearest
            the largest (224 for the bundled network).
        edges: colours follow the edges of the picture and are smoothed between them;
            otherwise they are the network's, enlarged.

    Raises:
        UserError: there is no checkpoint, the weights of its backbone cannot be had, or
            `size` is under 16, or `edges` is neither true nor false.
    """
    from colorflax import predict  # and JAX with it: `import colorflax` takes no time

    return predict.load(path, size, edges)
