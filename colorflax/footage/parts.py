"""What is done of a film that is being coloured, so that a process may die."""

import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from colorflax.disk import files


class Parts:
    """A folder of pieces, `FIRST-END.nut`, and what goes on from the last of them.

    Args:
        folder: of one film, coloured in one way; made if it is not there.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path, _ in files.begun(folder):
            path.unlink()
        self.pieces = self._found()

    def _found(self) -> list[Path]:
        """Those that follow each other from frame 0 to one to go on from; no others."""
        found = sorted(self._folder.glob("*.nut"))
        pieces, end, far = [], 0, 0
        for piece in found:
            first, _, last = piece.stem.partition("-")
            if int(first) == end:
                pieces.append(piece)
                end = int(last)
                if _remembered(piece):
                    far = len(pieces)
        for piece in {*found}.difference(pieces[:far]):
            piece.unlink()
        return pieces[:far]

    @property
    def end(self) -> int:
        """How many frames are done."""
        return int(self.pieces[-1].stem.partition("-")[2]) if self.pieces else 0

    @property
    def begun(self) -> Path:
        """Where the next piece is written before it is whole."""
        return self._folder / "begun.part"

    @property
    def whole(self) -> Path:
        """Where the film is put together."""
        return self._folder / "whole"

    def memory(self) -> dict[str, np.ndarray]:
        """What was remembered at the end; nothing at the beginning of a film."""
        return _remembered(self.pieces[-1]) if self.pieces else {}

    def add(self, end: int, memory: Mapping[str, Any]) -> None:
        """What is `begun` is whole, up to frame `end`."""
        piece = self._folder / f"{self.end:09}-{end:09}.nut"
        arrays = {name: np.asarray(x) for name, x in memory.items()}
        files.save(
            _memory(piece), lambda file: np.savez(file, allow_pickle=False, **arrays)
        )
        os.replace(self.begun, piece)
        if self.pieces:  # nobody goes on from the middle
            _memory(self.pieces[-1]).unlink(missing_ok=True)
        self.pieces.append(piece)

    def remove(self) -> None:
        """The film is done."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _remembered(piece: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(_memory(piece)) as arrays:
            return dict(arrays)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return {}  # not kept, or damaged


def _memory(piece: Path) -> Path:
    return piece.with_suffix(".npz")
