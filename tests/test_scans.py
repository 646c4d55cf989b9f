"""TIFFs that Pillow does not know, and what of them is kept, refused or damaged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from colorflax.data import scans
from colorflax.data.decode import decode
from colorflax.data.opening import opened, size
from colorflax.errors import UserError
from colorflax.picture import read

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 2**16, (6, 9), np.uint16)
RGB = RNG.integers(0, 2**16, (6, 9, 3), np.uint16)
ALPHA = np.full((6, 9, 1), 40000, np.uint16)
EXTRA = {0: "unspecified", 1: "assocalpha", 2: "unassalpha"}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("kinds", [(0,), (1,), (0, 0), (2, 0)])
def test_channels_beyond_colour(
    kinds: tuple[int, ...], compression: str | None, order: str, tmp_path: Path
) -> None:
    """A scanner's infrared is left out, alpha is kept, and 16 bits stay 16."""
    colours = np.round(RGB * (ALPHA / 65535)).astype("u2") if 1 in kinds else RGB
    tifffile.imwrite(
        tmp_path / "a.tif", np.concatenate([colours, *[ALPHA] * len(kinds)], axis=-1),
        photometric="rgb", extrasamples=[EXTRA[kind] for kind in kinds],
        byteorder=order, compression=compression,
    )  # fmt: skip
    found = read(tmp_path / "a.tif")
    assert found.pixels.dtype == np.uint16
    # What alpha has multiplied and rounded is known to half of 65535 / 40000.
    np.testing.assert_allclose(found.pixels, RGB, atol=1 if 1 in kinds else 0)
    if kinds[0]:
        np.testing.assert_array_equal(found.alpha, ALPHA[..., 0])
    else:
        assert found.alpha is None
    share = ALPHA / 65535 if kinds[0] else 1
    on_white = 255 - (255 - RGB / 257) * share
    np.testing.assert_allclose(decode(tmp_path / "a.tif"), on_white, atol=2.5)


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u4"])
@pytest.mark.parametrize("colours", [1, 3])
def test_numbers_of_other_sizes(
    colours: int, dtype: str, planes: str, tmp_path: Path
) -> None:
    values = RGB[..., :colours].squeeze() / 65535
    stored = np.round(values * (2**32 - 1)) if dtype == "u4" else values
    if planes == "separate" and colours == 3:
        stored = np.moveaxis(stored, -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", stored.astype(dtype),
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig=planes if colours == 3 else None, resolution=(300, 300),
    )  # fmt: skip
    found = read(tmp_path / "a.tif")
    step = 2.0**-11 if dtype == "f2" else 1 / 65535
    np.testing.assert_allclose(found.pixels / 65535, values, atol=step)
    assert found.metadata.dpi == pytest.approx((300, 300))
    eight = np.asarray(decode(tmp_path / "a.tif"))
    expected = values if colours == 3 else values[..., None]
    np.testing.assert_allclose(eight / 255, expected + 0 * eight, atol=1.1 / 255)


@pytest.mark.parametrize(
    ("dtype", "white"), [("i2", 2**15 - 1), ("i4", 65535), ("i4", 2**31 - 1)]
)
@pytest.mark.parametrize("colours", [1, 3])
def test_numbers_with_signs(
    colours: int, dtype: str, white: int, tmp_path: Path
) -> None:
    """Below 0 is black."""
    values = RGB[..., :colours].squeeze() / 65535
    stored = np.round(values * white).astype(dtype)
    stored[0, 0] = -stored[0, 0]
    kind = "rgb" if colours == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=kind)
    found = read(tmp_path / "a.tif").pixels / 65535
    assert not found[0, 0].any()
    np.testing.assert_allclose(found[1:], values[1:], atol=2 / white + 1 / 65535)


@pytest.mark.parametrize("extra", ["unspecified", "unassalpha"])
def test_grey_with_another_channel(extra: str, tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([GREY, ALPHA]), photometric="minisblack",
        planarconfig="contig", extrasamples=[extra],
    )  # fmt: skip
    found = read(tmp_path / "a.tif")
    if extra == "unspecified":
        np.testing.assert_array_equal(found.pixels, GREY)
        assert found.alpha is None
    else:
        np.testing.assert_array_equal(found.pixels, np.dstack([GREY] * 3))
        np.testing.assert_array_equal(found.alpha, ALPHA[..., 0])


def test_white_is_zero_in_the_other_order(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", 65535 - GREY, photometric="miniswhite", byteorder=">"
    )
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, GREY)


def test_planes_beyond_colour(tmp_path: Path) -> None:
    planes = np.moveaxis(np.concatenate([RGB, ALPHA], axis=-1), -1, 0)
    tifffile.imwrite(
        tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate",
        extrasamples=["unspecified"],
    )  # fmt: skip
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, RGB)


def _float(path: Path, *pages: np.ndarray, **more: Any) -> Path:
    with tifffile.TiffWriter(path) as file:
        for page in pages or [RGB / 65535]:
            kind = "rgb" if page.ndim == 3 else "minisblack"
            file.write(page, photometric=kind, metadata=None, **more)
            more = {}
    return path


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e10, 1e300])
@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 3)])
def test_a_pixel_that_is_no_light(
    shape: tuple[int, ...], value: float, tmp_path: Path
) -> None:
    """Does not make the others black."""
    values = RGB[..., : len(shape)].reshape(-1)[: np.prod(shape)].reshape(shape) / 65535
    values.reshape(-1)[0] = value
    dtype = np.float64 if abs(value) > 1e30 or len(shape) == 3 else np.float32
    found = read(_float(tmp_path / "a.tif", values.astype(dtype))).pixels.reshape(-1)
    expected = np.round(65535 * values.reshape(-1)[1:])
    np.testing.assert_allclose(found[1:], expected, atol=1)
    assert found[0] == (65535 if value > 0 else 0)


def test_what_was_said_of_it_is_kept(tmp_path: Path) -> None:
    """Whatever it is: texts in UTF-8, XMP as a text, a profile, the place, the turn."""
    texts = {269: "Inventory 12/3", 33432: "\u00a9 M\u00fcller 1923"}
    tags = [(code, "s", 0, text.encode(), True) for code, text in texts.items()]
    tags += [(700, "s", 0, "<x:xmpmeta/>", True), (274, "H", 1, 6, True)]
    path = _float(
        tmp_path / "a.tif", extratags=tags, resolution=(300, 300), resolutionunit=2,
    )  # fmt: skip
    found = read(path)
    np.testing.assert_allclose(found.pixels, np.rot90(RGB, -1), atol=1)
    assert found.metadata.xmp == b"<x:xmpmeta/>"
    assert found.metadata.dpi == pytest.approx((300, 300))
    exif = Image.Exif()
    exif.load(found.metadata.exif)
    assert exif[269] == texts[269]
    assert exif[33432].encode("latin-1").decode() == texts[33432]


def test_a_profile_is_kept(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    with opened(_float(tmp_path / "a.tif", iccprofile=icc)) as image:
        assert image.info["icc_profile"] == icc


@pytest.mark.parametrize("second", [RGB / 65535, RGB])
@pytest.mark.parametrize("first", [RGB / 65535, RGB, (RGB >> 8).astype("u1")])
def test_a_preview_is_not_the_photograph(
    first: np.ndarray, second: np.ndarray, tmp_path: Path
) -> None:
    path = _float(tmp_path / "a.tif", first[:3, :4], second, subfiletype=1)
    with pytest.raises(UserError, match=r"a\.tif: begins with a small preview"):
        read(path)


def test_pages_are_counted(tmp_path: Path) -> None:
    pages = [RGB / 65535] * 3
    assert read(_float(tmp_path / "a.tif", *pages)).pages == 3


def test_how_large_it_is_is_known_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "rewritten", None)
    assert size(_float(tmp_path / "a.tif")) == (9, 6)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_what_is_cut_off_is_damaged(compression: str | None, tmp_path: Path) -> None:
    path = _float(tmp_path / "a.tif", compression=compression)
    with tifffile.TiffFile(path) as file:
        first, counts = file.pages.first.dataoffsets[0], file.pages.first.tags[279]
    content = path.read_bytes()
    for length in range(first + 1, first + 300, 50):
        with pytest.raises(UserError, match="a picture: a damaged picture"):
            read(content[:length])
    at = counts.valueoffset
    with pytest.raises(UserError, match="a part of its pixels is missing"):
        read(content[:at] + bytes(4) + content[at + 4 :])


def test_what_is_not_read_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, (RGB / 65535).astype("f4"), photometric="cielab")
    message = r"a\.tif: a TIFF of 32 bits, floats, cielab, which is not read; "
    with pytest.raises(UserError, match=message):
        read(path)
    tifffile.imwrite(path, GREY, photometric="minisblack")
    content = path.read_bytes()
    for length in (4, 10, 60):
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"a\.tif: (a damaged picture|not a pict)"):
            read(path)


def test_more_pixels_than_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before they are: a small file may claim any number."""
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.float64), photometric=None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 26)
    with pytest.raises(UserError, match=r"a\.tif: claims to be larger than the 0 mega"):
        read(tmp_path / "a.tif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 27)
    assert read(tmp_path / "a.tif").size == (9, 6)
