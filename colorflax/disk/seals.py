"""A folder sealed with the hashes of its files: damage is found before it is read."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from colorflax.disk import files

_NAME = "sha256.json"
# What Orbax still writes or rewrites when everything else is in place.
_LATE = frozenset({_NAME, "_CHECKPOINT_METADATA", "commit_success.txt"})


def seal(folder: Path) -> None:
    """Write down the hash of every file in `folder`, at any depth."""
    hashes = {str(p.relative_to(folder)): _hash(p) for p in _files(folder)}
    files.write(folder / _NAME, json.dumps(hashes, indent=0).encode())


def broken(folder: Path) -> str | None:
    """What is wrong with a sealed folder; None if nothing, or it was never sealed."""
    try:
        hashes = json.loads((folder / _NAME).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return f"{_NAME} is damaged"
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if _hash(path) != expected:
            return f"{name} is not what was written"
    return None


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in _LATE:
            yield path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
