"""A PNG that says its gamma, and nothing else, is shown as bright as it says."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from encoded import DEEP, deep_png, saved
from PIL import Image

from colorflax.data.decode import decode
from colorflax.picture import read

COLOURS = (DEEP[..., :3] >> 8).astype(np.uint8)


def _chunk(name: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + check


def _told(content: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks behind its header."""
    return content[:33] + b"".join(chunks) + content[33:]


def _gamma(value: float) -> bytes:
    return _chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def _seen(encoded: np.ndarray, gamma: float) -> np.ndarray:
    """IEC 61966-2-1 of the light that PNG's chapter 13.13 gives; all in [0, 1]."""
    light = encoded ** (1 / gamma)
    curved = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curved)


@pytest.mark.parametrize("gamma", [1.0, 1 / 1.8, 0.35])
@pytest.mark.parametrize(
    "convert",
    [lambda x: x.convert("L"), lambda x: x, lambda x: x.quantize(64)],
    ids=["grey", "RGB", "palette"],
)
def test_eight_bits(gamma: float, convert: Callable) -> None:
    image = convert(Image.fromarray(COLOURS))
    content = _told(saved(image, "PNG"), _gamma(gamma))
    expected = _seen(np.asarray(image.convert("RGB")) / 255, gamma)
    np.testing.assert_allclose(np.asarray(decode(content)) / 255, expected, atol=0.008)
    found = read(content).pixels / 255
    found = found[..., None] if found.ndim == 2 else found
    np.testing.assert_allclose(found + 0 * expected, expected, atol=0.008)


@pytest.mark.parametrize(("kind", "channels"), [(0, [0]), (2, [0, 1, 2]),
                                                (6, [0, 1, 2, 3])])  # fmt: skip
def test_sixteen_bits(kind: int, channels: list[int]) -> None:
    content = _told(deep_png(DEEP[..., channels], kind), _gamma(1.0))
    found = read(content)
    encoded = DEEP[..., : 3 if kind else 1].squeeze() / 65535
    np.testing.assert_allclose(found.pixels / 65535, _seen(encoded, 1), atol=1e-4)
    if kind == 6:
        np.testing.assert_array_equal(found.alpha, DEEP[..., 3])


@pytest.mark.parametrize(
    "chunks",
    [[_gamma(0.45455)], [_gamma(0)], [_gamma(1), _chunk(b"sRGB", b"\0")]],
    ids=["as sRGB", "nonsense", "and sRGB"],
)
def test_sRGB_stays(chunks: list[bytes]) -> None:  # noqa: N802
    content = _told(saved(Image.fromarray(COLOURS), "PNG"), *chunks)
    np.testing.assert_array_equal(read(content).pixels, COLOURS)
    np.testing.assert_array_equal(decode(content), COLOURS)
