"""Photographs from the records that `colorflax.prepare` made."""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from colorflax.data.photographs import Content, Photograph, Photographs, digests
from colorflax.data.records import Records
from colorflax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Packed:
    """A folder of records; each process opens it once."""

    folder: Path

    def read(self, row: int) -> Content:
        """The picture file in record number `row`, and its embedding if it has one."""
        record = _records(self.folder)[row]
        vector = record.embedding
        return Content(
            picture=record.image,
            name=f"{self.folder}, record {row}",
            embedding=None if vector is None else vector.astype(np.float32),
        )


def find(folder: Path) -> Photographs:
    """All records of a folder, ordered by content."""
    records = _records(folder)
    if not len(records):
        raise UserError(f"{folder}: no photograph in these records")
    hashes = digests(records.sha256)
    return Photographs(Packed(folder), np.arange(len(hashes)), hashes).by_content()


def backbone(photos: Photographs) -> dict[str, str] | None:
    """Name, weights and fingerprint of what made the embeddings in their records.

    None where photographs have no records, or these no embeddings.
    """
    if not isinstance(photos.source, Packed):
        return None
    made: dict[str, Any] | None = _records(photos.source.folder).about["backbone"]
    if made is None:
        return None
    return {key: str(made[key]) for key in ("name", "weights", "fingerprint")}


def identity(photo: Photograph) -> str:
    """SHA-256 that tells apart what is shown, for what is computed from it and kept.

    A record has the hash of the file it was made from, and shows a smaller copy.
    """
    if not isinstance(photo.source, Packed):
        return photo.sha256
    settings = _records(photo.source.folder).about.get("settings")
    made = f"{photo.sha256} {json.dumps(settings, sort_keys=True)}"
    return hashlib.sha256(made.encode()).hexdigest()


@functools.lru_cache(maxsize=4)
def _records(folder: Path) -> Records:
    return Records(folder)
