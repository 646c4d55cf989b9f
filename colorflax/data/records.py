"""Photographs packed for training: one folder of ArrayRecord shards, read by number.

    records.json                        what is here and how it was made; written last
    records.sha256                      32 bytes per record, in order
    records-00000-of-00004.array_record

Records are ordered by the SHA-256 of the file each came from. One record is, in
little-endian bytes: `CFR1`, that hash (32), the length of the picture (uint32), the
width of the embedding or 0 (uint16), the picture file, the embedding (float16), and
the CRC-32 of all that.
"""

import dataclasses
import hashlib
import json
import operator
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex, overload

import numpy as np
from array_record.python import array_record_module
from jaxtyping import Float16

from colorflax.errors import UserError

ABOUT, INDEX, VERSION = "records.json", "records.sha256", 1
_MAGIC = b"CFR1"
_HEAD = struct.Struct("<4s32sIH")
_RANDOM_ACCESS = "readahead_buffer_size:0,max_parallelism:0"


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """One photograph: the hash of its source, a picture file, perhaps an embedding."""

    sha256: str
    image: bytes
    embedding: Float16[np.ndarray, " d"] | None


def pack(record: Record) -> bytes:
    """The bytes of a record, see the layout above."""
    vector = b"" if record.embedding is None else record.embedding.astype("<f2")
    digest = bytes.fromhex(record.sha256)
    head = _HEAD.pack(_MAGIC, digest, len(record.image), len(vector))
    body = head + record.image + bytes(vector)
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack(data: bytes) -> Record:
    """What `pack` packed; `UserError` if these are not its bytes."""
    body = data[:-4]
    if zlib.crc32(body) != int.from_bytes(data[-4:], "little"):
        raise UserError("a damaged record (its checksum does not fit)")
    if len(body) < _HEAD.size or not body.startswith(_MAGIC):
        raise UserError("not a record of this version of colorflax")
    _, digest, length, width = _HEAD.unpack_from(body)
    if len(body) != _HEAD.size + length + 2 * width:
        raise UserError("a damaged record (its length does not fit)")
    vector = np.frombuffer(body, "<f2", width, _HEAD.size + length)
    return Record(
        sha256=digest.hex(),
        image=body[_HEAD.size : _HEAD.size + length],
        embedding=vector.astype(np.float16) if width else None,
    )


class Records:
    """A folder that `colorflax.prepare` made, as a sequence of `Record`.

    Shards are opened when first read, in each process for itself, so an instance may
    be pickled, forked or read from threads.

    Args:
        folder: holds records.json.

    Raises:
        UserError: the folder is missing, unfinished or damaged.
    """

    about: dict[str, Any]
    sha256: Sequence[str]

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.about = _read_about(self.folder)
        shards = self.about["shards"]
        self._shards = [self.folder / shard["file"] for shard in shards]
        self._ends = np.cumsum([shard["records"] for shard in shards])
        for path, shard in zip(self._shards, shards, strict=True):
            if not path.is_file() or path.stat().st_size != shard["bytes"]:
                raise _damaged(path, "missing or not as long as it should be")
        self.sha256 = _Hashes(_read_index(self.folder, self.about))
        self._readers: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.sha256)

    def __getitem__(self, i: SupportsIndex) -> Record:
        i = range(len(self))[operator.index(i)]  # raises IndexError as a list does
        shard = int(np.searchsorted(self._ends, i, side="right"))
        path = self._shards[shard]
        start = int(self._ends[shard - 1]) if shard else 0
        try:
            record = unpack(self._reader(shard).read([i - start])[0])
        except (RuntimeError, IndexError, UserError) as error:
            raise _damaged(path, f"record {i}: {error}") from None
        if record.sha256 != self.sha256[i]:
            raise _damaged(path, f"record {i} is another than the index says")
        return record

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return Records, (self.folder,)

    def _reader(self, shard: int) -> Any:
        key = (os.getpid(), shard)  # a forked child opens its own
        with self._lock:
            if key not in self._readers:
                self._readers[key] = array_record_module.ArrayRecordReader(
                    str(self._shards[shard]), _RANDOM_ACCESS
                )
            return self._readers[key]


class _Hashes(Sequence[str]):
    """Hexadecimal strings over packed bytes: a third of the memory of a list."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // 32

    @overload
    def __getitem__(self, i: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: SupportsIndex | slice) -> str | list[str]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        j = range(len(self))[operator.index(i)]
        return self._packed[32 * j : 32 * j + 32].hex()


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    try:
        about = dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{folder}: no finished records here ({ABOUT} is written last); run "
            "python -m colorflax.prepare, with the same flags if it was stopped"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(path, str(error)) from None
    if about.get("version") != VERSION:
        raise UserError(
            f"{path}: version {about.get('version')}, and this colorflax reads "
            f"{VERSION}; prepare the photographs again"
        )
    if not {"records", "shards", "index", "backbone"} <= about.keys():
        raise _damaged(path, "an entry is missing")
    return about


def _read_index(folder: Path, about: dict[str, Any]) -> bytes:
    path = folder / INDEX
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    if hashlib.sha256(packed).hexdigest() != about["index"]:
        raise _damaged(path, "not the index that belongs to records.json")
    return packed


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"{path}: damaged ({why}); delete {ABOUT} beside it and run the same "
        "python -m colorflax.prepare again, which writes anew what is broken"
    )
