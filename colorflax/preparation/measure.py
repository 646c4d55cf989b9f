"""What can be told about a photograph at a glance: a few numbers from a small copy."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from colorflax.data.decode import decode, orientation
from colorflax.data.opening import need_file, opened
from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.picture import tint

SCHEME = 2  # raise it when the same file would get other numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """One file in numbers; `error` says why there are none.

    Attributes:
        sha256: of the file, in hex.
        width: px, upright.
        height: px, upright.
        chroma: mean distance from grey in CIE ab.
        spread: how far ab strays from its mean at the same lightness (rms). A toned
            print has one colour per lightness, so nearly none, however strong it is.
        colorfulness: M of Hasler and Susstrunk (2003), eq. 4; 0 is grey, 15 slightly
            colourful, 45 averagely.
        colors: how many colours of 5 bits a channel the picture might as well consist
            of: the exponential of the entropy of their shares.
        dhash: 64 bits, whether each of 9 x 8 pixels is lighter than the one before.
        thumbnail: 8 x 8 RGB, in hex.
    """

    sha256: str = ""
    error: str = ""
    width: int = 0
    height: int = 0
    chroma: float = 0.0
    spread: float = 0.0
    colorfulness: float = 0.0
    colors: float = 0.0
    dhash: int = 0
    thumbnail: str = ""


def measure(path: Path) -> Measured:
    """Read a file once, and decode it."""
    sha256 = ""
    try:
        need_file(path)
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        image = decode(content, tint.SIDE, str(path))
        width, height = _upright_size(content)
    except UserError as error:
        reason = str(error).removeprefix(f"{shown(path)}: ")
        return Measured(sha256=sha256, error=reason)
    except OSError as error:
        return Measured(error=error.strerror or str(error))
    scale = tint.SIDE / max(image.size)
    w, h = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((w, h), Image.Resampling.BOX)
    rgb = np.asarray(small)
    chroma, spread = tint.measure(rgb)
    return Measured(
        sha256=sha256,
        width=width,
        height=height,
        chroma=round(chroma, 3),
        spread=round(spread, 3),
        colorfulness=round(_colorfulness(rgb), 3),
        colors=round(_colors(rgb), 3),
        dhash=_dhash(small),
        thumbnail=small.resize((8, 8), Image.Resampling.BOX).tobytes().hex(),
    )


def _upright_size(content: bytes) -> tuple[int, int]:
    with opened(content) as image:
        return image.size[::-1] if orientation(image) > 4 else image.size


def _colorfulness(rgb: UInt8[np.ndarray, "h w 3"]) -> float:
    r, g, b = np.moveaxis(rgb.astype(np.float32), -1, 0)
    rg, yb = r - g, (r + g) / 2 - b
    deviation = np.hypot(rg.std(), yb.std())
    return float(deviation + 0.3 * np.hypot(rg.mean(), yb.mean()))


def _colors(rgb: UInt8[np.ndarray, "h w 3"]) -> float:
    codes = (rgb >> 3).astype(np.int32).reshape(-1, 3) @ np.array([1, 32, 1024])
    share = np.unique(codes, return_counts=True)[1] / len(codes)
    return float(np.exp(-(share * np.log(share)).sum()))


def _dhash(image: Image.Image) -> int:
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX))
    bits = np.packbits(grey[:, 1:] > grey[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")
