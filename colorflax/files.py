"""Files written whole or not at all, and the place for what took long to find out."""

import os
import tempfile
from pathlib import Path


def cache(name: str) -> Path:
    """A folder of the cache: in $COLORFLAX_CACHE, or else ~/.cache/colorflax."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("COLORFLAX_CACHE") or Path(home, "colorflax")) / name


def shown(text: str | Path) -> str:
    """A name or message as one line of visible characters, the others escaped."""
    legible = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in legible
    )


def write(path: Path, content: bytes) -> None:
    """Write a whole file or nothing, also when killed half-way; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
