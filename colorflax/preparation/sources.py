"""What was named on the command line becomes a list of files, some to be fetched."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from colorflax.data.photographs import SUFFIXES, list_files
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.preparation import download


@dataclasses.dataclass(frozen=True)
class Source:
    """A photograph: what the user calls it, where its bytes are, whence they come."""

    name: str
    path: Path
    url: str | None = None


def expand(names: Sequence[str], out: Path) -> list[Source]:
    """Every file of every source once, in order.

    Args:
        names: folders, photographs, and text files of addresses.
        out: the folder of what is made, which is no source; downloads are kept in it.

    Raises:
        UserError: a source is missing, empty, of another kind, or `out`.
    """
    found: dict[Path, Source] = {}
    for name in names:
        some = False
        if files.local(name).resolve() == out.resolve():
            raise UserError(f"{name}: --out is this folder itself; name another")
        for source in _expand(files.local(name), out):
            found.setdefault(source.path.absolute(), source)
            some = True
        if not some:
            raise UserError(
                f"{name}: no photograph in it (looked for addresses in a text file, or "
                f"in a folder for {', '.join(sorted(SUFFIXES))})"
            )
    return list(found.values())


def _expand(name: Path, out: Path) -> Iterator[Source]:
    if name.is_dir():
        for path in list_files(name, without=out):
            # Bytes that are no text would break every report; each has its own escape.
            yield Source(files.shown(path), path)
    elif name.suffix.lower() in SUFFIXES:
        yield Source(files.shown(name), name)
    else:
        for url in download.read_list(name):
            yield Source(url, download.place(url, out / "downloads"), url)
