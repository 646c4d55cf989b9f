"""One run at a time in one folder."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from colorflax.errors import UserError


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, which the system lets go of when a process dies.

    Raises:
        UserError: another process holds it, or it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
    except OSError as error:
        raise UserError(
            f"{path.parent}: cannot be written ({error.strerror}); name another --out"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{path.parent}: another run is at work here; wait for it, or name "
                "another --out"
            ) from None
        yield
