"""HEIC, where pillow-heif is installed; and what is said where it is not."""

import subprocess
import sys
from pathlib import Path

import commands
import compiling
import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageOps
from skimage import data

from colorflax.data import photographs
from colorflax.data.decode import decode
from colorflax.picture import read

pillow_heif.register_heif_opener()
PHOTO = Image.fromarray(data.astronaut()[:96, :160])


@pytest.mark.parametrize("turn", range(1, 9))
def test_upright(turn: int, tmp_path: Path) -> None:
    """As the same picture in a JPEG; what the camera wrote is kept."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    exif[ExifTags.Base.Make] = "Somebody"
    exif[ExifTags.IFD.Exif] = {0xA002: 160, 0xA003: 96}
    for name in ("a.jpg", "a.heic"):
        PHOTO.save(tmp_path / name, exif=exif.tobytes(), quality=95)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.jpg")))
    whole, jpeg = read(tmp_path / "a.heic"), read(tmp_path / "a.jpg")
    for found in (whole.pixels, np.asarray(decode(tmp_path / "a.heic", 24))):
        assert found.shape == expected.shape
        assert np.abs(found - expected.astype(float)).mean() < 3
    kept = Image.Exif()
    kept.load(whole.metadata.exif)
    assert kept[ExifTags.Base.Make] == "Somebody"
    inside = kept.get_ifd(ExifTags.IFD.Exif)
    assert (inside[0xA002], inside[0xA003]) == whole.size == jpeg.size
    assert ExifTags.Base.Orientation not in kept


def test_grey_and_alpha(tmp_path: Path) -> None:
    PHOTO.convert("L").save(tmp_path / "grey.heic", quality=95)
    assert read(tmp_path / "grey.heic").kind() == "grey"
    clear = PHOTO.copy()
    clear.putalpha(77)
    clear.save(tmp_path / "clear.heic", quality=95)
    alpha = read(tmp_path / "clear.heic").alpha
    assert alpha is not None
    assert np.abs(alpha.astype(int) - 77).max() <= 1


def test_in_folders(tmp_path: Path) -> None:
    for name in ("a.heic", "b.HEIF", "c.hif"):
        PHOTO.rotate(90 * len(list(tmp_path.iterdir()))).save(tmp_path / name, "HEIF")
    assert len(photographs.folder(tmp_path)) == 3
    (tmp_path / "b.HEIF").write_bytes((tmp_path / "a.heic").read_bytes()[:400])
    with pytest.raises(Exception, match=r"b\.HEIF: a damaged "):
        decode(tmp_path / "b.HEIF")


def test_where_it_is_installed_and_where_not(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.heic")
    hidden = "import sys; sys.modules['pillow_heif'] = None\n"
    code = (
        "import runpy\n"
        "runpy.run_module('colorflax.colorize', run_name='__main__', alter_sys=True)\n"
    )
    for before, what, said in [
        (hidden, "a.heic", "a.heic: HEIC; install pillow-heif to have it read, or"),
        (hidden, ".", "1 passed over, not named like photographs (.heic); install"),
        ("", "a.heic", "has colours, which are replaced"),
    ]:
        out = f"--out={tmp_path / 'out'}"
        done = subprocess.run(
            [sys.executable, "-c", before + code, out, tmp_path / what],
            cwd=commands.ROOT, env=compiling.devices(1), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == bool(before), done.stderr
        assert said in done.stderr
    assert read(tmp_path / "out" / "a.png").size == PHOTO.size
