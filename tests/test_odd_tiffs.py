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
RGB = RNG.integers(0, 2**16, (6, 9, 3), np.uint16)
ALPHA = np.full((6, 9, 1), 40000, np.uint16)


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
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("alpha", [None, "unassalpha", "assocalpha"])
def test_planes_of_sixteen_bits(
    alpha: str | None, compression: str | None, order: str, tmp_path: Path
) -> None:
    share = ALPHA / 65535 if alpha == "assocalpha" else 1
    stored = np.round(RGB * share).astype(np.uint16)
    planes = np.concatenate([stored, ALPHA], axis=-1) if alpha else stored
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.moveaxis(planes, -1, 0), photometric="rgb", planarconfig="separate",
        extrasamples=[alpha] if alpha else None, byteorder=order,
        compression=compression,
    )  # fmt: skip
    found = read(path)
    np.testing.assert_allclose(
        found.pixels, RGB, atol=1 if alpha == "assocalpha" else 0
    )
    on_white = 255 - (255 - RGB / 257) * (ALPHA / 65535 if alpha else 1)
    np.testing.assert_allclose(np.asarray(decode(path)), on_white, atol=2.5)


def test_planes_of_cmyk(tmp_path: Path) -> None:
    cmyk = np.concatenate([RGB, ALPHA], axis=-1)
    for name, kind in (("a.tif", "contig"), ("b.tif", "separate")):
        stored = cmyk if kind == "contig" else np.moveaxis(cmyk, -1, 0)
        tifffile.imwrite(
            tmp_path / name, stored, photometric="separated", planarconfig=kind
        )
    one, other = (read(tmp_path / name).pixels for name in ("a.tif", "b.tif"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("colours", [1, 3])
def test_planes_of_eight_bits_with_alpha(
    colours: int, kind: str, tmp_path: Path
) -> None:
    eight = _eight(RGB[..., :colours])
    share = 128 / 255 if kind == "assocalpha" else 1
    planes = [*np.moveaxis(np.round(eight * share), -1, 0), np.full((6, 9), 128)]
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack(planes).astype(np.uint8), extrasamples=[kind],
        photometric="rgb" if colours == 3 else "minisblack", planarconfig="separate",
    )  # fmt: skip
    found = read(tmp_path / "a.tif")
    assert found.pixels.dtype == np.uint8
    np.testing.assert_allclose(found.pixels, eight + 0 * found.pixels, atol=1)
    np.testing.assert_array_equal(found.alpha, 128)


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
