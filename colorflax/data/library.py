"""A source and its splits, as the config names them, become photographs.

    builtin            the few inside scikit-image's package
    folder:DIR         picture files, whatever they are called
    records:DIR        what `colorflax.prepare` packed
    tfds:NAME          a prepared dataset of TensorFlow Datasets, by
                       NAME[/CONFIG][:VERSION]

`train_split` and `validation_split` are NAME or NAME[FROM:TO], see
`colorflax.config.splits`. A dataset of TFDS has the splits, and in each the order, that
it was prepared with. All other sources have one split, `train`, in the order of content
hashes; so the same slice holds the same photographs wherever and under whatever names
they are kept.

Without a `validation_split`, which is the default, `validation_percent` of the training
split is set aside by a hash of each file's bytes. No photograph changes sides when
others are added. At 0 percent, and for `builtin`, which is a memory exercise, both
sides are the same.
"""

import dataclasses
import hashlib
import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from colorflax import config
from colorflax.config import splits
from colorflax.data import packed, photographs
from colorflax.data.photographs import Photographs
from colorflax.disk import files
from colorflax.errors import UserError

_log = logging.getLogger(__name__)


class Division(NamedTuple):
    """The two sides of a dataset, each ordered by content, each content once."""

    training: Photographs
    validation: Photographs


@runtime_checkable
class Library(Protocol):
    """Photographs under the names of splits."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many examples each split has."""

    def take(self, name: str, part: range) -> Photographs:
        """Those examples of a split that are good photographs."""


@dataclasses.dataclass(frozen=True)
class _Whole:
    """A library of one split."""

    photographs: Photographs

    @property
    def sizes(self) -> Mapping[str, int]:
        return {"train": len(self.photographs)}

    def take(self, name: str, part: range) -> Photographs:
        return self.photographs[part.start : part.stop]


def find_again(settings: config.Data, flag: str) -> Division:
    """As `find`, of a run that was trained somewhere; `flag` names other photographs.

    Raises:
        UserError: they are not here; or as `find`.
    """
    try:
        return find(settings)
    except UserError as error:
        raise UserError(
            f"the photographs of the run are not here ({error}); name some, for "
            f"example {flag}=folder:DIR"
        ) from None


def find(settings: config.Data) -> Division:
    """Both sides of the config's source.

    Raises:
        UserError: the source or a split of it is missing, empty or damaged, or the
            splits overlap.
    """
    library = _open(settings)
    try:
        division = _divide(library, settings)
    except UserError as error:
        raise UserError(f"{settings.source}: {error}") from None
    for side, photos in zip(("training", "validation"), division, strict=True):
        wanted = settings.validation_split or settings.validation_percent > 0
        if not len(photos) and (side == "training" or wanted):
            raise UserError(
                f"{settings.source}: {sum(map(len, division))} photographs leave none "
                f"for {side}; add more, or change --config.data.validation_percent="
                f"{settings.validation_percent:g} or --config.data.validation_split"
            )
    return division


def fingerprint(sides: Division) -> str:
    """Number and content of the photographs on both sides, as checkpoints note it."""
    found = ""
    for photos in sides:
        hashes = photos.digests.tobytes().hex()
        found += f"{len(photos)} {hashlib.sha256(hashes.encode()).hexdigest()[:16]}"
    return found


def _open(settings: config.Data) -> Library:
    kind, _, place = settings.source.partition(":")
    if kind == "tfds":
        # Imported where it is used: it takes a second in every process.
        from colorflax.data import prepared

        return prepared.Dataset(place, settings.max_bad_percent)
    if kind == "records":
        return _Whole(packed.find(files.local(place)))
    if kind == "folder":
        root = files.local(place)
        return _Whole(photographs.folder(root, settings.max_bad_percent))
    if settings.source == "builtin":
        return _Whole(photographs.builtin())
    raise NotImplementedError(f"library: no source {settings.source}")


def _divide(library: Library, settings: config.Data) -> Division:
    train = splits.parse(settings.train_split)
    part = train.of(_size(library, train))
    if settings.validation_split:
        held = splits.parse(settings.validation_split)
        held_part = held.of(_size(library, held))
        shared = splits.common(part, held_part) if train.name == held.name else ()
        if shared:
            raise UserError(
                f"{train.text} and {held.text} share {len(shared)} photographs; "
                "let one end where the other begins"
            )
        validation = library.take(held.name, held_part).by_content()
        training = library.take(train.name, part).by_content()
        return Division(_without(training, validation), validation)
    training = library.take(train.name, part).by_content()
    if settings.source == "builtin" or settings.validation_percent == 0:
        return Division(training, training)
    aside = _places(training) < settings.validation_percent
    return Division(training[~aside], training[aside])


def _size(library: Library, split: splits.Split) -> int:
    if split.name not in library.sizes:
        known = ", ".join(library.sizes)
        raise UserError(f"no split {split.name!r} here; there is {known}")
    return library.sizes[split.name]


def _without(training: Photographs, validation: Photographs) -> Photographs:
    """What validation shows is not trained on, also where a dataset has it twice."""
    held = {digest.tobytes() for digest in validation.digests}
    fresh = np.array([d.tobytes() not in held for d in training.digests], bool)
    if not fresh.all():
        _log.warning(
            "%d photographs are in both splits; they are left out of training",
            len(fresh) - fresh.sum(),
        )
    return training[fresh]


def _places(photos: Photographs) -> Float[np.ndarray, " n"]:
    """A fixed place of each content in [0, 100)."""
    weights = 256 ** np.arange(5, -1, -1, dtype=np.int64)
    return photos.digests[:, :6].astype(np.int64) @ weights / 256**6 * 100
