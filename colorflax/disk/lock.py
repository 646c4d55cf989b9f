"""One run at a time in one folder."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from colorflax.errors import UserError


@contextlib.contextmanager
def hold(path: Path, flag: str) -> Iterator[None]:
    """Hold the lock file `path`, which the system lets go of when a process dies.

    Args:
        path: made where it is missing, with its folder; it stays behind, unlocked.
        flag: the one by which a user names another folder, for the messages.

    Raises:
        UserError: another process holds it, or it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")  # not "w", which would empty that of the holder
    except OSError as error:
        raise UserError(
            f"{path.parent}: cannot be written ({error.strerror}); name another {flag}"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another run"
            raise UserError(
                f"{path.parent}: {holder} is at work here; wait for it, or name "
                f"another {flag}"
            ) from None
        except OSError:  # a disk that knows no locks; there is nothing to hold
            pass
        file.truncate(0)
        print(f"process {os.getpid()} on {socket.gethostname()}", file=file, flush=True)
        yield


@contextlib.contextmanager
def hold_folder(path: Path, flag: str) -> Iterator[None]:
    """The same with a folder that is there, in which nothing stays behind.

    Raises:
        UserError: another process holds it.
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise UserError(
            f"{path}: another run is at work here; wait for it, or name another {flag}"
        ) from None
    except OSError:  # a disk that knows no locks
        pass
    try:
        yield
    finally:
        os.close(folder)
