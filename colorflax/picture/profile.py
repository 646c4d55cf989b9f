"""16-bit pixels from an ICC profile to sRGB: Pillow converts those of 8 bits only.

Profiles that are curves and a matrix, as those of scanners' working spaces and of grey
are (ICC.1:2010, 10.5 and 10.15), are read here; through others go 8 bits.
"""

import io
import struct
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt16
from PIL import Image, ImageCms

from colorflax.data.decode import convert_profile
from colorflax.data.levels import to_8_bit

# Of sRGB, adapted to D50 as all in a profile is.
_SRGB = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_STRIP = 1 << 20  # pixels
_LEVELS = np.arange(65536) / 65535


def srgb() -> bytes:
    """A profile that says sRGB; always the same bytes."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = bytes(12)  # when it was made
    return bytes(made)


def to_srgb(
    pixels: UInt16[np.ndarray, "*shape"], icc: bytes
) -> UInt16[np.ndarray, "*shape"]:
    """(h, w) of grey or (h, w, 3); unchanged where the profile is damaged."""
    try:
        tags = _tags(icc)
        if pixels.ndim == 2:
            curves, matrix = [_curve(tags["kTRC"])], np.eye(1)
        else:
            curves = [_curve(tags[f"{c}TRC"]) for c in "rgb"]
            primaries = np.stack([_xyz(tags[f"{c}XYZ"]) for c in "rgb"], axis=1)
            matrix = np.linalg.inv(_SRGB) @ primaries
    except (KeyError, ValueError, IndexError, struct.error):
        return _by_8_bits(pixels, icc)
    same = all(np.abs(_encode(curve) - _LEVELS).max() < 2e-3 for curve in curves)
    if np.abs(matrix - np.eye(len(matrix))).max() < 2e-3:
        matrix = np.eye(len(matrix))  # but for rounding
        if same:
            return pixels
    flat = pixels.reshape(-1, len(curves))
    out = np.empty_like(flat)
    for top in range(0, len(flat), _STRIP):
        strip = flat[top : top + _STRIP]
        linear = np.stack([c[strip[:, i]] for i, c in enumerate(curves)], axis=1)
        encoded = _encode((linear @ matrix.T.astype(np.float32)).clip(0, 1))
        out[top : top + _STRIP] = np.round(encoded * 65535)
    return out.reshape(pixels.shape)


def _by_8_bits(pixels: UInt16[np.ndarray, "*shape"], icc: bytes) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(to_8_bit(pixels)))
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.xcolor_space.strip()
    except Exception:
        return pixels
    if space != ("GRAY" if pixels.ndim == 2 else "RGB"):
        return pixels
    converted = convert_profile(image, icc)
    return pixels if converted is image else np.asarray(converted).astype("u2") * 257


def _tags(icc: bytes) -> Mapping[str, bytes]:
    if icc[20:24] != b"XYZ ":
        raise ValueError("not a profile of curves and a matrix")
    (count,) = struct.unpack_from(">I", icc, 128)
    entries = [
        struct.unpack_from(">4sII", icc, 132 + 12 * i) for i in range(min(count, 100))
    ]
    return {name.decode("latin1"): icc[at : at + n] for name, at, n in entries}


def _xyz(tag: bytes) -> Float[np.ndarray, " 3"]:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Float[np.ndarray, " 65536"]:
    """Linear light of each of 65536 levels."""
    x = _LEVELS
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        values = np.array(struct.unpack_from(f">{count}H", tag, 12))
        if count == 0:
            y = x
        elif count == 1:
            y = x ** (values[0] / 256)
        else:
            y = np.interp(x, np.linspace(0, 1, count), values / 65535)
    elif tag[:4] == b"para":
        kind = struct.unpack_from(">H", tag, 8)[0]
        n = (1, 3, 4, 5, 7)[kind]
        given = np.array(struct.unpack_from(f">{n}i", tag, 12)) / 65536
        g, a, b, c, d, e, f = np.resize(np.append(given, np.zeros(7 - n)), 7)
        if kind == 0:
            y = x**g
        else:
            # Of the kinds 1 and 2 the other branch is a constant, below -b/a.
            edge = d if kind > 2 else -b / a
            if kind == 2:
                c, e, f = 0 * c, c, c
            power = np.maximum(a * x + b, 0) ** g + (e if kind in (2, 4) else 0)
            y = np.where(x >= edge, power, c * x + f if kind > 1 else 0)
    else:
        raise ValueError("not a curve")
    return np.clip(y, 0, 1).astype(np.float32)


def _encode(linear: np.ndarray) -> np.ndarray:
    power = 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(linear > 0.0031308, power, 12.92 * linear)
