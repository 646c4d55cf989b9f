"""Photographs -> batches of uint8 squares, through grain.

Batch k of a run is a function of the seed and k alone: which photographs, which crops,
which are mirrored. It does not depend on threads, workers, or how often the run was
stopped, and the union of all processes' shares is the same however many there are. So
"where was I" is one number, the step.
"""

from collections.abc import Iterator, Sequence

import grain
import numpy as np

from colorflax import config
from colorflax.data.index import need_same
from colorflax.data.photographs import Photograph
from colorflax.data.views import evaluation_view, training_view

HostBatch = dict[str, np.ndarray]

_FOREVER = 2**32  # passes; grain's own endless repeat overflows at a batch of one


def training_batches(
    photographs: Sequence[Photograph],
    embeddings: np.ndarray | None,
    settings: config.Data,
    *,
    seed: int,
    batch_size: int,
    start: int = 0,
    process: int = 0,
    processes: int = 1,
) -> Iterator[HostBatch]:
    """Batches `start`, `start` + 1, ... without end.

    Args:
        photographs: the training split.
        embeddings: float32 (len(photographs), e), row i for photograph i; or None.
        settings: how a photograph becomes a square.
        seed: of order, crops and mirroring.
        batch_size: over all processes.
        start: the first batch to give, the step of a resumed run.
        process: this process's number.
        processes: how many share each batch.

    Yields:
        rgb: uint8 (batch_size / processes, size, size, 3), and embedding: float32.
    """

    def load(i: int, rng: np.random.Generator) -> HostBatch:
        need_same(photographs[i].path, photographs[i].stamp)
        return {
            "rgb": training_view(photographs[i].path, settings, rng),
            "index": np.array(i, np.int32),
        }

    order = grain.MapDataset.range(len(photographs)).seed(seed).shuffle()
    views = order.repeat(_FOREVER).random_map(load)[process::processes]
    batches = views.batch(batch_size // processes)[start:]
    yield from _read(batches, embeddings, settings)


def evaluation_batches(
    photographs: Sequence[Photograph],
    embeddings: np.ndarray | None,
    settings: config.Data,
    *,
    batch_size: int,
    process: int = 0,
    processes: int = 1,
) -> Iterator[HostBatch]:
    """Every photograph once, in order; the last batch is filled up with blanks.

    Yields as `training_batches` does, and mask: bool (batch,), False for a blank.
    """
    blank = np.zeros((settings.size, settings.size, 3), np.uint8)

    def load(i: int) -> HostBatch:
        real = i < len(photographs)
        if real:
            need_same(photographs[i].path, photographs[i].stamp)
        return {
            "rgb": evaluation_view(photographs[i].path, settings) if real else blank,
            "index": np.array(i if real else 0, np.int32),
            "mask": np.array(real),
        }

    padded = -(-len(photographs) // batch_size) * batch_size
    views = grain.MapDataset.range(padded).map(load)[process::processes]
    yield from _read(views.batch(batch_size // processes), embeddings, settings)


def _read(
    batches: grain.MapDataset, embeddings: np.ndarray | None, settings: config.Data
) -> Iterator[HostBatch]:
    options = grain.ReadOptions(num_threads=settings.threads, prefetch_buffer_size=4)
    reader = batches.to_iter_dataset(options)
    if settings.workers:
        reader = reader.mp_prefetch(grain.MultiprocessingOptions(settings.workers))
    for batch in reader:
        # Joined here, so that workers carry row numbers instead of a copy of the table.
        rows = batch.pop("index")
        if embeddings is not None:
            batch["embedding"] = embeddings[rows]
        yield batch
