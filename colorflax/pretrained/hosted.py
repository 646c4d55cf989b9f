"""Files of weights on the servers of others: downloaded once, checked every time."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.preparation import download

_LIMITS = download.Limits(max_megabytes=200.0, patience=3600.0)  # they have 95 and 129


class Hosted(NamedTuple):
    """A file, and who has it."""

    name: str  # in the cache, and with its authors
    sha256: str
    mirrors: Sequence[str]  # asked in turn

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return files.cache("published") / self.name


def fetch(file: Hosted, otherwise: str) -> Path:
    """The file, from the cache or a mirror.

    Args:
        file: which.
        otherwise: what to do where it cannot be downloaded, for the message.

    Raises:
        UserError: no mirror gave a file with its SHA-256.
    """
    problems = []
    for url in file.mirrors:
        problem = download.fetch(url, file.path, _LIMITS)
        if problem is None:
            if digest(file.path) == file.sha256:
                return file.path
            problem = "another file than the authors'"
            file.path.unlink()
        problems.append(f"{url}: {problem}")
    raise UserError(f"{file.name} cannot be had ({'; '.join(problems)}); {otherwise}")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
