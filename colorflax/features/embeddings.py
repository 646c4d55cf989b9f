"""Image embeddings, computed once per photograph and kept on disk.

    <cache>/<choice key>/backbone.json                 whose weights these are
    <cache>/<choice key>/<fingerprint>/<sha256>.f32    one vector and its CRC-32

The choice key tells pretrained weights from random ones, the fingerprint tells the
weights themselves apart, and the SHA-256 is that of the photograph's file.
"""

import contextlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.features.backbone import WIDTH, Backbone, build, fit
from colorflax.features.weights import Choice, settle

_LOG_EVERY = 500  # photographs
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """Vectors, and which weights they came from: see `Backbone`."""

    vectors: Float[np.ndarray, "n d"]
    name: str
    weights: str
    fingerprint: str


def embed_photographs(
    photographs: Sequence[tuple[str, Callable[[], Image.Image]]],
    choice: Choice,
    *,
    on_missing: str = "random",
    cache_dir: str | os.PathLike[str] | None = None,
    batch: int = 8,
) -> Embeddings:
    """Embed photographs; the network is built only if a vector is missing.

    All vectors of one call come from the same weights: if pretrained ones are wanted,
    missing and replaced, nothing of theirs is used.

    Args:
        photographs: of each the SHA-256 of its file, in hex, and a function that opens
            it as an RGB or L picture.
        choice: the network and the weights that are wanted.
        on_missing: as for `settle`.
        cache_dir: where vectors are kept; "embeddings" in the cache if None.
        batch: photographs computed at a time.

    Returns:
        Row i of the vectors, float32 (n, 1001), is that of photograph i.

    Raises:
        UserError: the cache cannot be written, or weights cannot be had.
    """
    cache = Path(files.cache("embeddings") if cache_dir is None else cache_dir)
    cache = cache.expanduser()
    wanted = dict(photographs)
    found, record = _lookup(cache / choice.key, wanted)
    if record is None or len(found) < len(wanted):
        settled = settle(choice, on_missing)
        if settled != choice:
            choice = settled
            found, record = _lookup(cache / choice.key, wanted)
    if record is None or len(found) < len(wanted):
        home = cache / choice.key
        with _writing_in(home):  # before the slow part
            home.mkdir(parents=True, exist_ok=True)
        backbone = build(choice)
        folder = home / backbone.fingerprint
        if record is None or record["fingerprint"] != backbone.fingerprint:
            record = {"weights": backbone.weights, "fingerprint": backbone.fingerprint}
            found = _vectors(folder, wanted)
        with _writing_in(home):
            files.write(home / "backbone.json", json.dumps(record).encode())
        missing = {sha: wanted[sha] for sha in wanted if sha not in found}
        for sha, vector in _compute(missing, backbone, batch):
            body = vector.astype("<f4").tobytes()
            with _writing_in(folder):
                files.write(folder / f"{sha}.f32", body + _checksum(body))
            found[sha] = vector
    rows = [found[sha] for sha, _ in photographs]
    return Embeddings(
        vectors=np.stack(rows) if rows else np.zeros((0, WIDTH), np.float32),
        name=choice.name,
        weights=record["weights"],
        fingerprint=record["fingerprint"],
    )


def _compute(
    missing: dict[str, Callable[[], Image.Image]], backbone: Backbone, batch: int
) -> Iterator[tuple[str, Float[np.ndarray, " d"]]]:
    """SHA-256 and vector of each photograph, as soon as its batch is ready."""
    todo = list(missing)

    def picture(sha: str) -> UInt8[np.ndarray, "h w 3"]:
        return fit(missing[sha](), backbone.size)

    with ThreadPoolExecutor() as pool:
        ahead = pool.map(picture, todo[:batch])
        for start in range(0, len(todo), batch):
            shas, pictures = todo[start : start + batch], np.stack(list(ahead))
            # The next ones are read while the network sees these.
            ahead = pool.map(picture, todo[start + batch : start + 2 * batch])
            vectors = backbone(pictures, batch)
            yield from zip(shas, vectors, strict=True)
            done = start + len(shas)
            if done // _LOG_EVERY > start // _LOG_EVERY or done == len(todo):
                _log.info("embedded %d of %d", done, len(todo))


def _lookup(
    folder: Path, wanted: Iterable[str]
) -> tuple[dict[str, Float[np.ndarray, " d"]], dict[str, str] | None]:
    """The vectors of one choice that are on disk, and whose weights made them."""
    try:
        record = json.loads((folder / "backbone.json").read_bytes())
        record = {k: str(record[k]) for k in ("weights", "fingerprint")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}, None
    return _vectors(folder / record["fingerprint"], wanted), record


def _vectors(folder: Path, wanted: Iterable[str]) -> dict[str, Float[np.ndarray, " d"]]:
    """What can be read; a damaged file counts as missing."""
    found = {}
    for sha in wanted:
        try:
            data = (folder / f"{sha}.f32").read_bytes()
        except OSError:
            continue
        body, checksum = data[:-4], data[-4:]
        if len(body) == 4 * WIDTH and _checksum(body) == checksum:
            found[sha] = np.frombuffer(body, "<f4").astype(np.float32)
    return found


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "little")


@contextlib.contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise UserError(
            f"Embeddings cannot be kept in {folder} ({e.strerror}); free or permit it, "
            "or choose another cache directory."
        ) from e
