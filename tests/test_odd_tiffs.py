"""TIFFs of which Pillow makes something else, unless it is told."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorflax.data.decode import decode
from colorflax.errors import UserError
from colorflax.picture import read, take

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 2**16, (6, 9), np.uint16)


def _eight(grey: np.ndarray) -> np.ndarray:
    return np.round(grey / 257).astype(np.uint8)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("turn", [1, 5, 6, 7, 8])
def test_what_lies_on_its_side(mode: str, turn: int, tmp_path: Path) -> None:
    """One uncompressed strip, which Pillow maps into memory by sides of its own."""
    if mode == "I;16":
        image = Image.fromarray(GREY)
    else:
        rgb = Image.fromarray(RNG.integers(0, 256, (6, 9, 3), np.uint8))
        image = rgb.convert(mode)
    path = tmp_path / "a.tif"
    image.save(path, tiffinfo={274: turn})
    upright = decode(path)
    assert upright.size == ((6, 9) if turn > 4 else (9, 6))
    np.testing.assert_array_equal(upright, decode(path.read_bytes()))
    whole = read(path)
    np.testing.assert_array_equal(whole.pixels, read(path.read_bytes()).pixels)
    assert whole.size == upright.size


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_white_is_zero(compression: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, 65535 - GREY, photometric="miniswhite", byteorder="<",
        compression=compression,
    )  # fmt: skip
    np.testing.assert_array_equal(read(path).pixels, GREY)
    np.testing.assert_array_equal(decode(path).getchannel("R"), _eight(GREY))


def test_twelve_bits(tmp_path: Path) -> None:
    grey = GREY >> 4
    bits = (grey[..., None] >> np.arange(11, -1, -1)).astype(np.uint8) & 1
    rows = np.packbits(bits.reshape(6, -1), axis=1).tobytes()
    tags = [
        (256, 3, 9), (257, 3, 6), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 3, 6), (279, 4, len(rows)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, x) for tag, kind, x in tags)
    rows += b"\0" * (len(rows) % 2)
    head = b"II*\0" + struct.pack("<I", 8 + len(rows))
    count, end = struct.pack("<H", len(tags)), struct.pack("<I", 0)
    (tmp_path / "a.tif").write_bytes(head + rows + count + entries + end)
    expected = grey / 4095 * 65535
    np.testing.assert_allclose(read(tmp_path / "a.tif").pixels, expected, atol=1)


@pytest.mark.parametrize("order", "<>")
def test_planes_of_sixteen_bits(order: str, tmp_path: Path) -> None:
    rgb = RNG.integers(0, 2**16, (3, 6, 9), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, rgb, photometric="rgb", planarconfig="separate", byteorder=order
    )
    np.testing.assert_array_equal(np.moveaxis(read(path).pixels, -1, 0), rgb)
    assert np.abs(np.moveaxis(np.asarray(decode(path)), -1, 0) - rgb / 257).max() <= 1


@pytest.mark.parametrize("white", [65535, 2**32 - 1])
def test_thirty_two_bits(white: int, tmp_path: Path) -> None:
    values = np.round(GREY / 65535 * white).astype(np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    np.testing.assert_allclose(read(tmp_path / "a.tif").pixels, GREY, atol=1)


def test_whole_numbers_in_memory() -> None:
    eight = Image.fromarray(_eight(GREY))
    expected = 257 * _eight(GREY).astype(int)
    np.testing.assert_array_equal(take(eight.convert("I")).pixels, expected)
    sixteen = Image.fromarray(GREY).convert("I")
    np.testing.assert_array_equal(take(sixteen).pixels, GREY)


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
    image = decode(tmp_path / "a.tif")
    assert image.size == (9, 6)


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


def test_what_is_not_read_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.dstack([GREY >> 1] * 3).astype("i4"), photometric="rgb")
    with pytest.raises(UserError, match=r"a\.tif: a TIFF of 32 bits, signed numbers, "):
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
