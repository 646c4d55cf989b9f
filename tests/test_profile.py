"""Colour profiles of 16 bits mean what LittleCMS makes of them at 8."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from colorflax.data.decode import decode
from colorflax.picture import profile, read


def _curve(values: np.ndarray) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def _icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, data = b"", b""
    start = 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20] = b"\x02\x40\0\0", b"scnr", space
    head[20:24], head[36:40] = b"XYZ ", b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)  # D50
    head[:4] = struct.pack(">I", start + len(data))
    return bytes(head) + struct.pack(">I", len(tags)) + table + data


def test_profiles_of_16_bits_agree_with_those_of_8() -> None:
    """LittleCMS converts 8 bits; to a rounding we do the same to 16."""
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    swatches = np.stack([ramp, ramp.T, ramp[::-1]], axis=-1)
    srgb = profile.srgb()
    d65 = ImageCms.ImageCmsProfile(io.BytesIO(srgb))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    gamma = struct.pack(">4sIIH", b"curv", 0, 1, round(1.8 * 256))
    table = _curve(np.round(65535 * np.linspace(0, 1, 64) ** 2.2).astype(int))
    parametric = b"para\0\0\0\0" + struct.pack(
        ">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 0.948, 0.052, 0.077, 0.04))
    )
    wide = {
        b"rXYZ": xyz(0.6097, 0.3111, 0.0195), b"gXYZ": xyz(0.2053, 0.6257, 0.0609),
        b"bXYZ": xyz(0.1492, 0.0632, 0.7446), b"wtpt": xyz(0.9642, 1, 0.8249),
    }  # fmt: skip
    for curve in (gamma, table, parametric):
        icc = _icc(b"RGB ", {**wide, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})
        ours = profile.to_srgb(swatches, icc)
        image = Image.fromarray((swatches // 257).astype(np.uint8))
        other = ImageCms.profileToProfile(image, io.BytesIO(icc), d65)
        difference = np.abs(ours / 257 - np.asarray(other))
        assert difference.max() <= 1.5
        assert np.abs(ours.astype(int) - swatches).max() > 1000
    grey = _icc(b"GRAY", {b"kTRC": gamma, b"wtpt": xyz(0.9642, 1, 0.8249)})
    ours = profile.to_srgb(ramp, grey)
    image = Image.fromarray((ramp // 257).astype(np.uint8))
    other = ImageCms.profileToProfile(image, io.BytesIO(grey), d65, outputMode="RGB")
    assert np.abs(ours / 257 - np.asarray(other)[..., 1]).max() <= 1.5
    np.testing.assert_array_equal(profile.to_srgb(swatches, srgb), swatches)
    np.testing.assert_array_equal(profile.to_srgb(swatches, b"no profile"), swatches)


def test_the_profile_of_grey_that_says_how_opaque_it_is(tmp_path: Path) -> None:
    """What is trained with and what is coloured is what LittleCMS makes of grey."""
    linear = struct.pack(">4sIIH", b"curv", 0, 1, 256)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    icc = _icc(b"GRAY", {b"kTRC": linear, b"wtpt": white})
    for mode in ("L", "LA"):
        path = tmp_path / f"{mode}.png"
        image = Image.new("L", (4, 4), 64).convert(mode)
        image.save(path, icc_profile=icc)
        for pixels in (decode(path), read(path).pixels):
            assert abs(int(np.asarray(pixels)[0, 0].max()) - 137) <= 1
