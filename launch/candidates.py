"""Photographs to show somebody: those that a run set aside, or others."""

import dataclasses
import fnmatch
from pathlib import Path

import numpy as np

from colorflax import config
from colorflax.config import rules
from colorflax.data import library
from colorflax.data.photographs import Photographs
from colorflax.errors import UserError


def find(settings: config.Data, photos: str | None, names: str) -> Photographs:
    """In the order of their source.

    Args:
        settings: of a run, whose validation photographs they are.
        photos: a source, all of whose photographs they are instead.
        names: a pattern that the names of their files fit.

    Raises:
        UserError: there are none.
    """
    settings = dataclasses.replace(settings, labels="none")
    if photos is None:
        found = library.find_again(settings, "--photos").validation
    else:
        rules.check_source(photos, "--photos")
        settings = dataclasses.replace(
            settings, source=photos, train_split="train", validation_split="",
            validation_percent=0.0, max_bad_percent=100.0,
        )  # fmt: skip
        found = library.find(settings).validation
    if names == "*":  # of records that are packed, names are read with all the rest
        return found
    files = [Path(photo.read().name).name for photo in found]
    fit = [i for i, x in enumerate(files) if fnmatch.fnmatchcase(x, names)]
    if not fit:
        raise UserError(f"--names={names} fits none of {len(files)} photographs")
    return found[np.array(fit)]
