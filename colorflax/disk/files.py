"""Files written whole or not at all, and the place for what took long to find out."""

import errno
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from colorflax.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a disk that takes nothing more."""

_log = logging.getLogger(__name__)


def local(name: str) -> Path:
    """A path as a user writes it; ~ is their home.

    Raises:
        UserError: it is an address, not a path, or empty.
    """
    if not name or "://" in name:
        raise UserError(f"{name!r} is not a path on this machine")
    try:
        return Path(name).expanduser()
    except RuntimeError:  # ~someone, where there is nobody of that name: a file's
        return Path(name)


def cache(name: str) -> Path:
    """A folder of the cache: in $COLORFLAX_CACHE, or else ~/.cache/colorflax."""
    if chosen := os.environ.get("COLORFLAX_CACHE"):
        return Path(chosen, name)
    if home := os.environ.get("XDG_CACHE_HOME"):
        return Path(home, "colorflax", name)
    try:
        return Path.home() / ".cache" / "colorflax" / name
    except RuntimeError:  # a user without a home, as in many containers
        return Path(tempfile.gettempdir(), "colorflax", name)


def shown(text: str | Path) -> str:
    """A name or message as one line of visible characters, the others escaped."""
    legible = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in legible
    )


def write(path: Path, content: bytes) -> None:
    """Write a whole file or nothing, also when killed half-way; makes its folder."""
    save(path, lambda file: file.write(content))


def save(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """`write` what `fill` writes to a file that it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(4)
    temporary = path.with_name(f".{cut(path.name)}.{token}.colorflax")
    try:
        with open(temporary, "xb") as file:
            fill(file)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and not error.filename:
            error.filename = os.fspath(path)  # or nobody knows which disk is full
        raise


def remember(path: Path, fill: Callable[[BinaryIO], object], of: str | Path) -> None:
    """`save` what only saves time; where that fails, a line says so, and no more."""
    try:
        save(path, fill)
    except OSError as error:
        _log.warning("%s: cannot be remembered (%s)", of, error.strerror)


def need_writable(folder: Path, flag: str) -> None:
    """Raise `UserError` unless files can be made in a folder; it is made.

    Args:
        folder: what it is.
        flag: the one by which a user names another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); name another {flag}"
        ) from None


def need_place(path: Path, flag: str, begin: bytes, what: str) -> None:
    """Raise `UserError` unless a file may be written, or written over, at a place.

    Args:
        path: of the file.
        flag: the one by which a user names another.
        begin: of the files that may be written over.
        what: they are, for the message.
    """
    need_writable(path.parent, flag)
    problem = "is a folder" if path.is_dir() else "is no file"
    if path.is_symlink():
        problem = "is a link"
    elif path.is_file():
        with path.open("rb") as file:
            found = file.read(len(begin))
        problem = "" if found in (b"", begin) else f"is no {what}"
    elif not path.exists():
        problem = ""
    if problem:
        raise UserError(f"{flag}={shown(path)} {problem}; name another place")


def begun(folder: Path) -> Iterator[tuple[Path, str]]:
    """What `write` left in a folder when it was killed, and `cut` of its name."""
    for path in folder.glob(".*.colorflax") if folder.is_dir() else ():
        found = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.colorflax", path.name, re.DOTALL)
        if found and path.is_file():
            yield path, found[1]


def cut(name: str) -> str:
    """As much of a file's name as leaves room for more; names have 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:230])
