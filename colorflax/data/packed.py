"""Photographs from the records that `colorflax.prepare` made."""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from colorflax.data.photographs import Content, Photograph, Photographs, digests
from colorflax.data.records import ABOUT, Records
from colorflax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Packed:
    """A folder of records as it was found; each process opens it once."""

    folder: Path
    stamp: tuple[int, int]

    @property
    def records(self) -> Records:
        """What is in it."""
        return _opened(self.folder, self.stamp)

    def read(self, row: int) -> Content:
        """The picture file in record number `row`, and its embedding if it has one."""
        record = self.records[row]
        vector = record.embedding
        return Content(
            picture=record.image,
            name=f"{self.folder}, record {row}",
            embedding=None if vector is None else vector.astype(np.float32),
        )


def find(folder: Path) -> Photographs:
    """All records of a folder, ordered by content."""
    packed = Packed(folder, _stamp(folder))
    if not len(packed.records):
        raise UserError(f"{folder}: no photograph in these records")
    hashes = digests(packed.records.sha256)
    return Photographs(packed, np.arange(len(hashes)), hashes).by_content()


def backbone(photos: Photographs) -> dict[str, str] | None:
    """Name, weights and fingerprint of what made the embeddings in their records.

    None where photographs have no records, or these no embeddings.
    """
    if not isinstance(photos.source, Packed):
        return None
    made: dict[str, Any] | None = photos.source.records.about["backbone"]
    if made is None:
        return None
    return {key: str(made[key]) for key in ("name", "weights", "fingerprint")}


def identity(photo: Photograph) -> str:
    """SHA-256 that tells apart what is shown, for what is computed from it and kept.

    A record has the hash of the file it was made from, and shows a smaller copy.
    """
    if not isinstance(photo.source, Packed):
        return photo.sha256
    settings = photo.source.records.about.get("settings")
    made = f"{photo.sha256} {json.dumps(settings, sort_keys=True)}"
    return hashlib.sha256(made.encode()).hexdigest()


@functools.lru_cache(maxsize=4)
def _opened(folder: Path, stamp: tuple[int, int]) -> Records:
    records = Records(folder)
    if _stamp(folder) != stamp:
        raise UserError(
            f"{folder}: these records were made anew since the run began; begin again"
        )
    return records


def _stamp(folder: Path) -> tuple[int, int]:
    """Size and time of what is written last."""
    try:
        last = (folder / ABOUT).stat()
    except OSError:
        return 0, 0  # and who opens it says what is wrong
    return last.st_size, last.st_mtime_ns
