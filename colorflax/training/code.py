"""Which code this is, for results that should say what made them."""

import functools
import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent.parent


@functools.cache
def sha256(folder: Path | None = None) -> str:
    """Of all modules in a folder with their names, in hex; None for this package.

    Also where the version is the same: whoever changes a loss does not change that. Any
    change counts, also one that could not matter.
    """
    folder = folder or FOLDER
    found = hashlib.sha256()
    for path in sorted(folder.rglob("[!.]*.py")):
        if path.is_file():
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()
