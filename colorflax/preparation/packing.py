"""Photographs that passed the audit become shards."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from colorflax.data import shards
from colorflax.data.records import Record
from colorflax.preparation import parallel, reencode
from colorflax.preparation.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Packing:
    """How records are grouped."""

    shard: int = option(
        1024,
        "photographs in one file. A run that was stopped repeats at most one of them",
        1,
    )
    batch: int = option(8, "photographs that the backbone sees at once", 1, 4096)


@dataclasses.dataclass(frozen=True)
class Embedder:
    """Gives pictures their embeddings.

    Attributes:
        side: px that it needs of a photograph.
        fit: a picture in the form that `embed` takes; runs on many threads.
        embed: any number of them, and how many at once, to float32 (n, d).
    """

    side: int
    fit: Callable[[Image.Image], np.ndarray]
    embed: Callable[[np.ndarray, int], np.ndarray]


def write_shards(
    folder: Path,
    photographs: Sequence[tuple[str, Path]],
    form: reencode.Format,
    packing: Packing,
    embedder: Embedder | None,
    threads: int,
) -> None:
    """Write each shard that is not there yet.

    A shard is a function of its photographs alone. Embeddings too: batches begin anew
    with each shard, because a network's last bits may depend on a picture's neighbours.

    Args:
        folder: where shards go.
        photographs: hash and file of each record, in order.
        form: how pictures are kept.
        packing: how many go into a shard and a batch.
        embedder: for records with embeddings.
        threads: that decode and encode.
    """
    size = packing.shard
    chunks = [photographs[i : i + size] for i in range(0, len(photographs), size)]
    paths = [folder / shards.name(k, len(chunks)) for k in range(len(chunks))]
    missing = [
        (path, chunk)
        for path, chunk in zip(paths, chunks, strict=True)
        if not shards.holds(path, [sha256 for sha256, _ in chunk])
    ]
    done = len(photographs) - sum(len(chunk) for _, chunk in missing)
    counter = parallel.track(itertools.count(), len(photographs), "records", done)
    for path, chunk in missing:
        records = _records(chunk, form, packing.batch, embedder, threads)
        shards.write(path, (r for r, _ in zip(records, counter, strict=False)))


def _records(
    photographs: Sequence[tuple[str, Path]],
    form: reencode.Format,
    batch: int,
    embedder: Embedder | None,
    threads: int,
) -> Iterator[Record]:
    side = max(form.side, embedder.side if embedder else 0)

    def make(photograph: tuple[str, Path]) -> tuple[str, bytes, np.ndarray | None]:
        sha256, path = photograph
        content, image = reencode.load(path, sha256, side)
        fitted = embedder.fit(image) if embedder else None
        return sha256, reencode.encode(content, image, form), fitted

    made = parallel.ordered(make, photographs, threads)
    while rows := list(itertools.islice(made, batch)):
        vectors: Sequence[np.ndarray | None] = [None] * len(rows)
        if embedder:
            stack = np.stack([fitted for _, _, fitted in rows if fitted is not None])
            vectors = list(embedder.embed(stack, batch).astype(np.float16))
        for (sha256, image, _), vector in zip(rows, vectors, strict=True):
            yield Record(sha256, image, vector)
