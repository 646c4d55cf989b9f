"""A network known by its numbers, wherever they are kept."""

import hashlib
from typing import Any

import jax
import numpy as np


def digest(variables: Any) -> str:
    """SHA-256 of a network's arrays with their names, types and shapes, in hex."""
    found = hashlib.sha256()
    for path, x in jax.tree_util.tree_leaves_with_path(variables):
        array = np.asarray(x)
        name = f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n"
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()
