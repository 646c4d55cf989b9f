"""Photographs -> batches of uint8 squares, through grain.

Batch k of a run is a function of the seed and k alone: which photographs, which crops,
which are mirrored. It does not depend on threads, workers, or how often the run was
stopped, and the shares of all processes, one after the other, are the same batch
however many there are. So "where was I" is one number, the step.
"""

from collections.abc import Iterator
from typing import Literal

import grain
import numpy as np

from colorflax import config
from colorflax.data.photographs import Content, Photographs
from colorflax.data.views import evaluation_view, training_view
from colorflax.errors import UserError

HostBatch = dict[str, np.ndarray]
# A table with a row per photograph; or what the source itself holds of each; or none.
Vectors = np.ndarray | Literal["stored"] | None

Labels = np.ndarray | None

_AHEAD = 4  # batches, at least
_FOREVER = 2**32  # passes; grain's own endless repeat overflows at a batch of one


def training_batches(
    photographs: Photographs,
    embeddings: Vectors,
    settings: config.Data,
    *,
    labels: Labels = None,
    seed: int,
    batch_size: int,
    start: int = 0,
    process: int = 0,
    processes: int = 1,
) -> Iterator[HostBatch]:
    """Batches `start`, `start` + 1, ... without end.

    Args:
        photographs: the training split.
        embeddings: float32, row i for photograph i; or "stored" in the source; or None.
        settings: how a photograph becomes a square.
        labels: a class per photograph, -1 for none; or None.
        seed: of order, crops and mirroring.
        batch_size: over all processes.
        start: the first batch to give, the step of a resumed run.
        process: this process's number.
        processes: how many share each batch.

    Yields:
        rgb: uint8 (batch_size / processes, size, size, 3); embedding: float32 and
        label: int32 (batch_size / processes,), where these are given.
    """

    stored = isinstance(embeddings, str)

    def load(i: int, rng: np.random.Generator) -> HostBatch:
        photo = photographs[i].read()
        rgb = training_view(photo, settings, rng)
        return {"rgb": rgb, **_steering(i, photo, stored)}

    order = grain.MapDataset.range(len(photographs)).seed(seed).shuffle()
    views = order.repeat(_FOREVER).random_map(load)
    batches = views.batch(batch_size // processes)[process::processes][start:]
    yield from _read(batches, embeddings, labels, settings)


def evaluation_batches(
    photographs: Photographs,
    embeddings: Vectors,
    settings: config.Data,
    *,
    labels: Labels = None,
    batch_size: int,
    process: int = 0,
    processes: int = 1,
) -> Iterator[HostBatch]:
    """Every photograph once, in order; the last batch is filled up with blanks.

    Yields as `training_batches` does, and mask: bool (batch,), False for a blank.
    """
    blank = np.zeros((settings.size, settings.size, 3), np.uint8)
    stored = isinstance(embeddings, str)

    def load(i: int) -> HostBatch:
        real = i < len(photographs)
        row = i if real else 0
        photo = photographs[row].read()
        return {
            "rgb": evaluation_view(photo, settings) if real else blank,
            "mask": np.array(real),
            **_steering(row, photo, stored),
        }

    padded = -(-len(photographs) // batch_size) * batch_size
    views = grain.MapDataset.range(padded).map(load)
    batches = views.batch(batch_size // processes)[process::processes]
    yield from _read(batches, embeddings, labels, settings)


def _steering(row: int, photo: Content, stored: bool) -> HostBatch:
    # Tables are joined in `_read`, so that workers get no copy of them.
    found: HostBatch = {"row": np.array(row, np.int32)}
    if stored:
        if photo.embedding is None:
            raise UserError(
                f"{photo.name}: holds no embedding; prepare it again with one"
            )
        found["embedding"] = photo.embedding
    return found


def _read(
    batches: grain.MapDataset,
    embeddings: Vectors,
    labels: Labels,
    settings: config.Data,
) -> Iterator[HostBatch]:
    # A thread works at one batch: no more of them than batches that are wanted ahead.
    ahead = max(_AHEAD, settings.threads)
    options = grain.ReadOptions(
        num_threads=settings.threads, prefetch_buffer_size=ahead
    )
    reader = batches.to_iter_dataset(options)
    if settings.workers:
        reader = reader.mp_prefetch(grain.MultiprocessingOptions(settings.workers))
    for batch in reader:
        rows = batch.pop("row")
        if isinstance(embeddings, np.ndarray):
            batch["embedding"] = embeddings[rows]
        if labels is not None:
            batch["label"] = labels[rows]
        yield batch
