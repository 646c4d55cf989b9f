"""Photographs in, records out: python -m colorflax.prepare SOURCE... --out=DIR

A source is a folder, a photograph, or a text file of addresses, one a line. What is
written to DIR:

    audit.csv       every file: kept, or why not, and what was measured
    dropped.jpg     some of what was dropped, by reason
    records*        what training reads, see colorflax.data.records
    downloads/      what was fetched; may be deleted at the end
    progress/       what lets a stopped run go on, and tells one command from another

A run that was stopped, at any moment and in any way, goes on when the same command is
given again, and ends with the same records. With `--refresh` it follows what the
sources hold now: files that were added or removed, addresses that answer at last.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from absl import flags

from colorflax import cli
from colorflax.config import backbones
from colorflax.config.backbones import BACKBONES
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.preparation import run as preparation
from colorflax.preparation.audit import Thresholds
from colorflax.preparation.download import Limits
from colorflax.preparation.job import Backbone, Job
from colorflax.preparation.options import option
from colorflax.preparation.packing import Embedder, Packing
from colorflax.preparation.reencode import Format

_T = TypeVar("_T")
_DEFINE: dict[type, Any] = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What does not change the records."""

    out: str = option("records", "folder for everything written")
    audit_only: bool = option(False, "stop after audit.csv and dropped.jpg")
    refresh: bool = option(
        False,
        "make the records anew where photographs or flags have changed; keep what was "
        "downloaded and measured, and try failed addresses again",
    )
    threads: int = option(os.cpu_count() or 1, "threads to decode and encode", 1, 1024)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Features:
    """The network whose embedding of each photograph is kept beside it."""

    features: str = option(
        "none", f"also store the embedding by this backbone: {', '.join(BACKBONES)}"
    )
    features_weights: str = option(
        "imagenet",
        "random needs no download, and is for trying things out",
        choices=("imagenet", "random"),
    )
    features_seed: int = option(0, "random seed of random weights", 0)

    def load(self) -> tuple[Embedder, Backbone]:
        """Build the network, and say whose weights it has."""
        from colorflax import features  # JAX and Keras start only when they are needed

        choice = features.Choice(
            name=self.features, weights=self.features_weights, seed=self.features_seed
        )
        backbone = features.build(features.settle(choice, "error"))
        embedder = Embedder(
            side=backbone.size,
            fit=functools.partial(features.fit, size=backbone.size),
            embed=backbone,
        )
        return embedder, {
            "name": backbone.name,
            "weights": backbone.weights,
            "fingerprint": backbone.fingerprint,
        }

    def check(self) -> None:
        """`UserError` for a backbone that nobody knows, before any work is done."""
        if self.features != "none":
            backbones.check(self.features, "--features")


def main(argv: Sequence[str]) -> int:
    """Prepare the sources named; 1 if any file could not be had or decoded."""
    if len(argv) < 2:
        raise UserError("name at least one folder, photograph or list of addresses")
    run, features = _from_flags(Run), _from_flags(Features)
    features.check()
    job = Job(
        names=argv[1:],
        out=files.local(run.out),
        audit_only=run.audit_only,
        refresh=run.refresh,
        threads=run.threads,
        form=_from_flags(Format),
        packing=_from_flags(Packing),
        thresholds=_from_flags(Thresholds),
        limits=_from_flags(Limits),
        embedding=dataclasses.asdict(features),
        embedder=None if features.features == "none" else features.load,
    )
    return 0 if preparation.run(job) else 1


def define_flags() -> None:
    """Every option as a flag. Not on import: other commands have an --out too."""
    for group in (Run, Format, Packing, Features, Thresholds, Limits):
        for field in dataclasses.fields(group):
            kind: Any = field.type
            given = dict(field.metadata)
            text, choices = given["help"], list(given["choices"])
            if choices:
                flags.DEFINE_enum(field.name, str(field.default), choices, text)
            else:
                names = {"low": "lower_bound", "high": "upper_bound"}
                bounds = {
                    bound: given[name]
                    for name, bound in names.items()
                    if given[name] is not None
                }
                _DEFINE[kind](field.name, field.default, text, **bounds)


def _from_flags(group: type[_T]) -> _T:
    fields = dataclasses.fields(group)  # type: ignore[arg-type]
    return group(**{field.name: flags.FLAGS[field.name].value for field in fields})


if __name__ == "__main__":
    define_flags()
    cli.run(main)
