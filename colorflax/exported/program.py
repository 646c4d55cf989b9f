"""The network as StableHLO: a program that XLA compiles for a machine and a size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax import export

from colorflax import checkpoint
from colorflax.disk import files
from colorflax.exported import network

NAME = "model.stablehlo"
PLATFORMS = ("cpu", "cuda", "tpu")


def write(saved: checkpoint.Saved, variables: Any, path: Path) -> None:
    """Write what `jax.export.deserialize` reads, for sides of `network.grain`."""
    ab = jax.jit(network.colours(saved, variables))
    program = export.export(ab, platforms=PLATFORMS)(*network.arguments(saved))
    files.write(path, bytes(program.serialize()))


def load(path: Path) -> Callable[..., jax.Array]:
    """The function in such a file."""
    return export.deserialize(bytearray(path.read_bytes())).call
