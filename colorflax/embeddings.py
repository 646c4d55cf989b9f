"""Image embeddings, computed once per photograph and kept on disk.

    <cache>/<choice key>/backbone.json                 whose weights these are
    <cache>/<choice key>/<fingerprint>/<sha256>.f32    one vector and its CRC-32

The choice key tells pretrained weights from random ones, the fingerprint tells the
weights themselves apart, and the SHA-256 is that of the photograph's file.
"""

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from colorflax import features
from colorflax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """Vectors, and which weights they came from: see `features.Backbone`."""

    vectors: Float[np.ndarray, "n d"]
    name: str
    weights: str
    fingerprint: str


def embed_photographs(
    photographs: Sequence[tuple[str, Callable[[], Image.Image]]],
    choice: features.Choice,
    *,
    on_missing: str = "random",
    cache_dir: str | os.PathLike[str] | None = None,
    batch: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> Embeddings:
    """Embed photographs; the network is built only if a vector is missing.

    Each photograph is the SHA-256 of its file, in hex, and a function that opens it
    as an RGB or L picture. All vectors of one call come from the same weights: if
    pretrained ones are wanted, missing and replaced, nothing of theirs is used.
    `progress` hears (done, total) of the vectors that had to be computed.

    Errors: `UserError` if the cache cannot be written or weights cannot be had.
    """
    cache = default_cache() if cache_dir is None else Path(cache_dir).expanduser()
    wanted = dict(photographs)
    found, record = _lookup(cache / choice.key, wanted)
    if record is None or len(found) < len(wanted):
        settled = features.settle(choice, on_missing)
        if settled != choice:
            choice = settled
            found, record = _lookup(cache / choice.key, wanted)
    if record is None or len(found) < len(wanted):
        _make(cache / choice.key)  # before the slow part
        backbone = features.build(choice)
        if record is None or record["fingerprint"] != backbone.fingerprint:
            record = {"weights": backbone.weights, "fingerprint": backbone.fingerprint}
            found = _vectors(cache / choice.key / backbone.fingerprint, wanted)
        folder = _make(cache / choice.key / backbone.fingerprint)
        _write(folder.parent / "backbone.json", json.dumps(record).encode())
        missing = [sha for sha in wanted if sha not in found]
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(missing), batch):
                shas = missing[start : start + batch]
                pictures = pool.map(
                    lambda sha: features.fit(wanted[sha](), backbone.size), shas
                )
                vectors = backbone(np.stack(list(pictures)), batch)
                for sha, vector in zip(shas, vectors, strict=True):
                    body = vector.astype("<f4").tobytes()
                    _write(folder / f"{sha}.f32", body + _checksum(body))
                    found[sha] = vector
                if progress is not None:
                    progress(start + len(shas), len(missing))
    rows = [found[sha] for sha, _ in photographs]
    return Embeddings(
        vectors=np.stack(rows) if rows else np.zeros((0, features.WIDTH), np.float32),
        name=choice.name,
        weights=record["weights"],
        fingerprint=record["fingerprint"],
    )


def default_cache() -> Path:
    """`colorflax/embeddings` in the user's cache directory (XDG)."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "colorflax" / "embeddings"


def _lookup(
    folder: Path, wanted: dict[str, Callable[[], Image.Image]]
) -> tuple[dict[str, Float[np.ndarray, " d"]], dict[str, str] | None]:
    """The vectors of one choice that are on disk, and whose weights made them."""
    try:
        record = json.loads((folder / "backbone.json").read_bytes())
        record = {k: str(record[k]) for k in ("weights", "fingerprint")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}, None
    return _vectors(folder / record["fingerprint"], wanted), record


def _vectors(
    folder: Path, wanted: dict[str, Callable[[], Image.Image]]
) -> dict[str, Float[np.ndarray, " d"]]:
    """What can be read; a damaged file counts as missing."""
    found = {}
    for sha in wanted:
        try:
            data = (folder / f"{sha}.f32").read_bytes()
        except OSError:
            continue
        body, checksum = data[:-4], data[-4:]
        if len(body) == 4 * features.WIDTH and _checksum(body) == checksum:
            found[sha] = np.frombuffer(body, "<f4").astype(np.float32)
    return found


def _checksum(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "little")


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _unwritable(folder, e) from e
    return folder


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, also with several writers."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as f:
            temporary = f.name
            f.write(data)
        os.replace(temporary, path)
    except OSError as e:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise _unwritable(path.parent, e) from e


def _unwritable(folder: Path, e: OSError) -> UserError:
    return UserError(
        f"Embeddings cannot be kept in {folder} ({e.strerror}); free or permit it, or "
        "choose another cache directory."
    )
