"""What one command of preparation is asked to do."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import PIL

from colorflax.preparation import audit, packing
from colorflax.preparation.download import Limits
from colorflax.preparation.reencode import Format

Backbone = dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What to prepare, from what, in which form.

    Attributes:
        names: folders, photographs, text files of addresses.
        out: the folder for everything written.
        audit_only: stop before the records.
        refresh: make the records anew where sources or flags are no longer what they
            were made from; addresses that failed are tried again.
        threads: that decode and encode.
        embedding: further settings that change the records, by flag.
        embedder: makes the embeddings and says whose they are; None for none.
    """

    names: Sequence[str]
    out: Path
    audit_only: bool
    refresh: bool
    threads: int
    form: Format
    packing: packing.Packing
    thresholds: audit.Thresholds
    limits: Limits
    embedding: dict[str, Any]
    embedder: Callable[[], tuple[packing.Embedder, Backbone]] | None

    @property
    def progress(self) -> Path:
        """The folder of what lets a stopped run go on."""
        return self.out / "progress"

    @property
    def settings(self) -> dict[str, Any]:
        """Every flag that changes the records, and the library that encodes them."""
        settings = {"pillow": PIL.__version__, **self.embedding}
        for group in (self.form, self.packing, self.thresholds):
            settings |= dataclasses.asdict(group)
        return settings
