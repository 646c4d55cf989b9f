"""TIFFs of which Pillow makes something else, unless it is told."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorflax.data.decode import decode
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
    """Read as 8 bits, like other planes, and not byte by byte."""
    rgb = RNG.integers(0, 2**16, (3, 6, 9), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, rgb, photometric="rgb", planarconfig="separate", byteorder=order
    )
    found = np.moveaxis(read(path).pixels.astype(int), -1, 0)
    assert np.abs(found - rgb / 257).max() <= 1
    np.testing.assert_array_equal(decode(path), read(path).pixels)


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
