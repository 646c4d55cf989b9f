"""A stand-in, to be replaced by the records that `colorflax.prepare` writes."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from array_record.python import array_record_module

from colorflax.errors import UserError


@dataclass(frozen=True, eq=False)
class Record:
    """One photograph: the hash of its file, a picture file, perhaps an embedding."""

    sha256: str
    image: bytes
    embedding: np.ndarray | None


def pack(record: Record) -> bytes:
    """The bytes of a record."""
    vector = b"" if record.embedding is None else record.embedding.astype("<f2")
    return (
        bytes.fromhex(record.sha256)
        + struct.pack("<I", len(record.image))
        + record.image
        + bytes(vector)
    )


def unpack(data: bytes) -> Record:
    """What `pack` packed."""
    end = 36 + struct.unpack("<I", data[32:36])[0]
    vector = np.frombuffer(data[end:], "<f2")
    return Record(data[:32].hex(), data[36:end], vector if len(vector) else None)


class Records:
    """A folder of records as a sequence."""

    about: dict[str, Any]
    sha256: Sequence[str]

    def __init__(self, folder: Path) -> None:
        try:
            self.about = json.loads((folder / "records.json").read_bytes())
        except OSError:
            raise UserError(f"{folder}: no finished records here") from None
        self.sha256 = self.about["sha256"]
        self._reader = array_record_module.ArrayRecordReader(
            str(folder / "records.array_record"), "readahead_buffer_size:0"
        )

    def __len__(self) -> int:
        return len(self.sha256)

    def __getitem__(self, i: int) -> Record:
        return unpack(self._reader.read([i])[0])
