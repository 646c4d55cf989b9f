"""What kind of scene each photograph shows, where its source says so.

folders    the first folder below DIR names the class; a photograph in DIR itself
           has none. Of copies in two folders, the first path counts.
label      the ClassLabel feature of that name in a dataset of TFDS
"""

import dataclasses
import hashlib
import os
from typing import Any

import numpy as np
from jaxtyping import Int32

from colorflax import config
from colorflax.data.library import Division
from colorflax.data.photographs import Files, Photographs
from colorflax.errors import UserError

Classes = Int32[np.ndarray, " _"]  # -1 for a photograph without a label


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """The names of the classes, and the class of each photograph."""

    names: tuple[str, ...]
    training: Classes
    validation: Classes

    @property
    def usual(self) -> int:
        """The class that is most frequent in training; of equals, the first."""
        known = self.training[self.training >= 0]
        return int(np.argmax(np.bincount(known, minlength=len(self.names))))

    @property
    def record(self) -> dict[str, Any]:
        """What must be the same when a run goes on."""
        classes = np.concatenate([self.training, self.validation]).astype("<i4")
        fingerprint = hashlib.sha256(classes.tobytes()).hexdigest()[:16]
        return {"names": list(self.names), "labels": fingerprint}


def find(sides: Division, settings: config.Data) -> Labels | None:
    """The labels that `settings` asks for; None if it asks for none.

    Raises:
        UserError: the source has none, or they do not tell the photographs apart.
    """
    if settings.labels == "none":
        return None
    if settings.labels == "folders":
        names, training = _folders(sides.training)
        _, validation = _folders(sides.validation)
    else:
        # Imported where it is used: it takes a second in every process.
        from colorflax.data import prepared

        names, training = prepared.labels(sides.training)
        _, validation = prepared.labels(sides.validation)
    if len(np.unique(training[training >= 0])) < 2:
        raise UserError(
            f"{settings.source}: fewer than two classes among the photographs to train "
            f"on, by --config.data.labels={settings.labels}; there is nothing to tell "
            "apart"
        )
    return Labels(names, training, validation)


def _folders(photos: Photographs) -> tuple[tuple[str, ...], Classes]:
    source = photos.source
    assert isinstance(source, Files)  # the config's rule
    parts = [name.split(os.sep, 1) for name in source.names]
    names = sorted({folder for folder, *below in parts if below})
    number = {name: i for i, name in enumerate(names)}
    classes = [number[part[0]] if part[1:] else -1 for part in parts]
    return tuple(names), np.array(classes, np.int32)[photos.rows]
