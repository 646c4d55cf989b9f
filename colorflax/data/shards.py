"""Writing records: each shard whole or not at all, the description last."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from array_record.python import array_record_module

from colorflax.data.records import ABOUT, INDEX, VERSION, Record, pack, unpack
from colorflax.disk import files
from colorflax.errors import UserError


def name(shard: int, shards: int) -> str:
    """The file name of a shard."""
    return f"records-{shard:05d}-of-{shards:05d}.array_record"


def write(path: Path, records: Iterable[Record]) -> None:
    """Write one shard; a killed run leaves at most a hidden .part file beside it.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        writer = array_record_module.ArrayRecordWriter(str(part), "group_size:1")
        try:
            for record in records:
                writer.write(pack(record))
        finally:
            writer.close()
        with open(part, "rb") as file:
            os.fsync(file.fileno())  # the name must not outlive a lost content
        os.replace(part, path)
    except (RuntimeError, OSError) as error:
        # ArrayRecord's own errors end with where in its code they came from.
        raise UserError(
            f"{path}: cannot be written ({str(error).split(';')[0]}); free some space "
            "or permit it, then run the same command again"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def holds(path: Path, hashes: Sequence[str]) -> bool:
    """Whether a shard is there and its records are these, unharmed."""
    if not path.is_file():
        return False
    try:
        reader = array_record_module.ArrayRecordReader(str(path))
        found = [unpack(data).sha256 for data in reader.read_all()]
        reader.close()  # it too may say that the file is damaged
    except (RuntimeError, UserError):
        return False
    return found == list(hashes)


def finish(folder: Path, hashes: Sequence[str], size: int, about: dict) -> None:
    """Write the index and, last of all, records.json: now the folder is complete."""
    packed = bytes.fromhex("".join(hashes))
    files.write(folder / INDEX, packed)
    count = -(-len(hashes) // size)
    paths = [folder / name(k, count) for k in range(count)]
    description: dict[str, Any] = {
        "version": VERSION,
        "records": len(hashes),
        "shards": [
            {
                "file": path.name,
                "records": len(hashes[k * size : (k + 1) * size]),
                "bytes": path.stat().st_size,
            }
            for k, path in enumerate(paths)
        ],
        "index": hashlib.sha256(packed).hexdigest(),
    }
    files.write(folder / ABOUT, json.dumps(description | about, indent=1).encode())
