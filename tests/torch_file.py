"""Zip files as torch.save writes them, and forgeries of them, without PyTorch."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


class Name:
    """Pickles as a call of a function that need not exist here."""

    def __init__(self, module: str, name: str, *arguments: Any):
        self.what = module, name, arguments


class Storage(Name):
    """Pickles as torch.save refers to numbers outside the pickle."""


class Pickler(pickle._Pickler):  # the one in Python, whose opcodes can be written
    def persistent_id(self, x: Any) -> Any:
        return x.what[2] if type(x) is Storage else None

    def save(self, x: Any, save_persistent_id: bool = True) -> Any:
        if type(x) is not Name:
            return super().save(x, save_persistent_id)
        module, name, arguments = x.what
        self.write(f"c{module}\n{name}\n".encode())
        if arguments:
            super().save(arguments)
            self.write(b"R")
        return None


def forge(content: Any, path: Path, **storages: bytes) -> Path:
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", buffer.getvalue())
        for key, stored in storages.items():
            archive.writestr(f"x/data/{key}", stored)
    return path


def tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Name:
    rebuild = "torch._utils", "_rebuild_tensor_v2"
    return Name(*rebuild, storage, offset, shape, strides, False, None)


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A state dictionary: float32, or int64 where an array holds whole numbers."""
    state, stored = {}, {}
    for i, (name, array) in enumerate(arrays.items()):
        whole = array.dtype.kind == "i"
        kind = Name("torch", "LongStorage" if whole else "FloatStorage")
        storage = Storage("", "", "storage", kind, str(i), "cpu", array.size)
        dense = np.ascontiguousarray(array, "<i8" if whole else "<f4")
        steps = tuple(s // dense.itemsize for s in dense.strides[: array.ndim])
        state[name] = tensor(storage, 0, array.shape, steps)
        stored[str(i)] = dense.tobytes()
    forge(state, path, **stored)
