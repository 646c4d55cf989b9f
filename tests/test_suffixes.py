"""What files of a folder are called: all that can be read is taken."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from colorflax.data import opening, photographs
from colorflax.data.decode import decode
from colorflax.picture import read
from colorflax.workshop import album
from colorflax.workshop.ledger import Ledger

pytestmark = pytest.mark.usefixtures("own_places")
KINDS = {*opening._FORMATS, "MPO"}  # as Pillow calls a JPEG of several pictures


def test_every_name_of_what_is_read(tmp_path: Path) -> None:
    """As Pillow knows them; a PFM holds depths, or floats of any scale."""
    Image.init()
    names = {**Image.registered_extensions()}
    del names[".pfm"]
    wanted = {f"a{suffix}" for suffix, kind in names.items() if kind in KINDS}
    assert len(wanted) > 20
    for i, name in enumerate(sorted(wanted)):
        picture = Image.new("1" if name == "a.pbm" else "RGB", (20 + i, 16))
        picture.save(tmp_path / name, names[f".{name.split('.')[1]}"])
    # For training, where each is read, and for colouring.
    trained = photographs.folder(tmp_path)
    assert {Path(photo.read().name).name for photo in trained} == wanted
    jobs = album.plan([str(tmp_path)], tmp_path / "out", None, Ledger(tmp_path / "out"))
    assert {job.source.name for job in jobs if job.target} == wanted


def test_a_jpeg_of_several_pictures(tmp_path: Path) -> None:
    """A phone's: the first is the photograph, whichever way it lies."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = Image.effect_noise((80, 60), 80).convert("RGB")
    rest = [Image.new("RGB", (40, 30), "red")]
    image.save(tmp_path / "one.jpg", exif=exif)
    for name in ("several.mpo", "several.jpg"):
        path = tmp_path / name
        image.save(path, "MPO", save_all=True, append_images=rest, exif=exif)
        for at_least in (None, 20):
            one = decode(tmp_path / "one.jpg", at_least)
            np.testing.assert_array_equal(decode(path, at_least), one)
        np.testing.assert_array_equal(
            read(path).pixels, read(tmp_path / "one.jpg").pixels
        )
        assert read(path).pages == 1  # the others are no pages of an album
