"""Files of torch.save, read without PyTorch and without running what is in them.

Such a file is a pickle, which can name any function of any module to be called. Here
only dictionaries of tensors of plain numbers are built; every other name is refused.
Both layouts are read: the zip archive of PyTorch 1.6 and later, and the one before it.
"""

import collections
import functools
import io
import math
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from colorflax.errors import UserError

_MAGIC = 0x1950A86A20F9469CFC6C  # of the older layout; 1001 is the only protocol it had
_TYPES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2",
    "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip

Tensors = dict[str, np.ndarray]

LEAVES = {
    "kernel": "weight", "scale": "weight", "bias": "bias",
    "mean": "running_mean", "var": "running_var",
}  # fmt: skip
"""What Flax calls the arrays of a layer -> what PyTorch does."""


def read(path: Path) -> Tensors:
    """The state dictionary in a file of torch.save, in its order, on this machine.

    Raises:
        UserError: no such file, not one of torch.save, damaged, or it holds anything
            else than a dictionary of tensors.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            found = _zip(file) if zipped else _legacy(file)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except _RefusedError as error:
        raise UserError(f"{path}: refused, {error}") from None
    except Exception as error:  # a damaged pickle can raise anything
        why = str(error) or type(error).__name__
        raise UserError(
            f"{path}: not a whole file of torch.save ({why}); download it again"
        ) from None
    if not isinstance(found, dict) or not all(
        isinstance(k, str) and isinstance(v, np.ndarray) for k, v in found.items()
    ):
        raise UserError(f"{path}: refused, it holds more than named tensors")
    return dict(found)


class Left:
    """What is left of a state dictionary whose tensors are taken one by one."""

    def __init__(self, tensors: Mapping[str, np.ndarray], where: str):
        """`where` names the file in messages."""
        self._left = dict(tensors)
        self._where = where

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The tensor of a name, as float32.

        Raises:
            UserError: it is missing, of another shape, or not finite.
        """
        if name not in self._left:
            raise UserError(
                f"{self._where}: {name} is missing; is it this network's file?"
            )
        array = self._left.pop(name)
        if array.shape != shape:
            raise UserError(
                f"{self._where}: {name} should be {shape}, not {array.shape}"
            )
        if not np.isfinite(array).all():
            raise UserError(f"{self._where}: {name} holds NaN or infinite numbers")
        return array.astype(np.float32)

    def drop(self, name: str) -> None:
        """Do without one, if it is there."""
        self._left.pop(name, None)

    def need_none(self) -> None:
        """Raise `UserError` if anything is left."""
        for name in self._left:
            raise UserError(f"{self._where}: {name} is not a part of this network")


class _RefusedError(Exception):
    """The file asks for what a dictionary of tensors does not need."""


class _Unpickler(pickle.Unpickler):
    """Builds tensors as views of storages; `storage` gives one by type, key, length."""

    def __init__(self, file: Any, storage: Callable[[np.dtype, str, int], np.ndarray]):
        super().__init__(file, encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # One for each mention: a pickle may also set attributes of what it names.
            return functools.partial(_tensor)
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise _RefusedError(f"it names {module}.{name}; only tensors are read")

    def persistent_load(self, pid: Any) -> np.ndarray:
        # The older layout adds a sixth entry, for storages that are parts of others.
        kind, dtype, key, _, length, *part = pid
        if kind != "storage" or dtype not in _TYPES.values() or any(part):
            raise _RefusedError("it holds more than plain tensors")
        return self._storage(np.dtype(dtype), str(key), int(length))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> np.ndarray:
    """torch._utils._rebuild_tensor_v2; a view, so that storages may be filled later.

    Nothing about the arguments is known but that the file has them.
    """
    # Not a tensor in the place of a storage: its size may exceed its memory.
    if not isinstance(storage, np.ndarray) or not storage.flags.c_contiguous:
        raise _RefusedError("it has a tensor without a storage")
    if len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
        raise ValueError("a tensor with an impossible shape")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if math.prod(shape) and last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    steps = [storage.itemsize * s for s in strides]
    view = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps)
    view.flags.writeable = False
    return view


def _zip(file: Any) -> Any:
    with zipfile.ZipFile(file) as archive:
        (name,) = [n for n in archive.namelist() if n.split("/")[1:] == ["data.pkl"]]
        folder = name.removesuffix("data.pkl")
        if folder + "byteorder" in archive.namelist():
            order = archive.read(folder + "byteorder")
            if order != b"little":
                raise _RefusedError(f"its numbers are stored {order.decode()}-endian")
        kept: dict[str, np.ndarray] = {}

        def storage(dtype: np.dtype, key: str, length: int) -> np.ndarray:
            if key not in kept:
                kept[key] = np.frombuffer(archive.read(f"{folder}data/{key}"), dtype)
            if kept[key].dtype != dtype or kept[key].size != length:
                raise ValueError(f"storage {key} is not {length} times {dtype}")
            return kept[key]

        return _Unpickler(io.BytesIO(archive.read(name)), storage).load()


def _legacy(file: Any) -> Any:
    """Magic, protocol, machine, object, keys: five pickles. Then the storages."""

    def none(dtype: np.dtype, key: str, length: int) -> np.ndarray:
        raise _RefusedError("it names a storage where none belongs")

    if _Unpickler(file, none).load() != _MAGIC:
        raise ValueError("its first bytes are others")
    _Unpickler(file, none).load()
    machine = _Unpickler(file, none).load()
    if not machine["little_endian"]:
        raise _RefusedError("its numbers are stored big-endian")
    size = _left(file)
    kept: dict[str, np.ndarray] = {}

    def storage(dtype: np.dtype, key: str, length: int) -> np.ndarray:
        held = sum(array.nbytes for array in kept.values())
        if length < 0 or length * dtype.itemsize > size - held * (key not in kept):
            raise ValueError(f"storage {key} is longer than the file")
        array = kept.setdefault(key, np.zeros(length, dtype))
        if array.dtype != dtype or array.size != length:
            raise ValueError(f"storage {key} is not {length} times {dtype}")
        return array

    found = _Unpickler(file, storage).load()
    for key in _Unpickler(file, none).load():
        array = kept[str(key)]
        content = file.read(8 + array.nbytes)
        if content[:8] != array.size.to_bytes(8, "little"):
            raise ValueError(f"storage {key} is of another length")
        array[:] = np.frombuffer(content[8:], array.dtype)
    return found


def _left(file: Any) -> int:
    here = file.tell()
    end: int = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here
