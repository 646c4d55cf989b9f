"""TIFFs that Pillow does not know, as ones that it does; only this file knows tifffile.

Floats of other sizes than 32 bits or of colours, colours of 32 bits, 16 bits in planes,
grey of 16 bits with alpha, channels beyond alpha such as a scanner's infrared, ...
"""

import dataclasses
import io
import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from colorflax.data.levels import WHITES_OF_FLOATS, divided, scaled, whites_of

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # as for Pillow's

_COLOURS = {"MINISWHITE": 1, "MINISBLACK": 1, "RGB": 3, "SEPARATED": 4}
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha
# Tags that say how pixels are stored.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _SAMPLES, _ROWS, _COUNTS, _EXTRA = 273, 277, 278, 279, 338
_LONGS = (_WIDTH, _HEIGHT, _OFFSETS, _ROWS, _COUNTS)
_STORED = {266, 280, 281, 284, 317, 320, *range(322, 326), _EXTRA, 339, 340, 341}
_SUB_PAGES = 330
_BLACK_IS_0, _RGB, _CMYK = 1, 2, 5
_SHORT, _LONG = 3, 4
_LENGTHS = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
}  # fmt: skip


class NotReadError(Exception):
    """Says what a TIFF holds, and that it is not read."""


class PreviewError(Exception):
    """The first page is there to be looked at before the others."""


@dataclasses.dataclass(frozen=True)
class Rewritten:
    """A TIFF whose first page Pillow knows: uncompressed, of 8 or 16 bits a channel.

    Attributes:
        content: what it was, and behind that its pixels and what is said of them; so
            all else is where and what it was.
        pages: how many there are.
    """

    content: bytes
    pages: int


def size(picture: Path | bytes) -> tuple[int, int]:
    """Width and height of the first page, in px as they are stored.

    Raises:
        Exception: of many kinds, if it is damaged or not a TIFF.
    """
    with _opened(picture) as opened:
        page = opened.pages.first.aspage()
        return int(page.imagewidth), int(page.imagelength)


def rewritten(picture: Path | bytes) -> Rewritten:
    """The same with a first page that Pillow knows: grey, RGB, RGBA or CMYK.

    Raises:
        NotReadError: a kind of TIFF that is not read.
        PreviewError: the first page is not the photograph.
        Exception: of many kinds, if it is damaged or not a TIFF.
    """
    with _opened(picture) as opened:
        page = opened.pages.first.aspage()
        w, h = page.imagewidth, page.imagelength
        if w * h > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
            raise Image.DecompressionBombError
        if page.subfiletype & 1 and (len(opened.pages) > 1 or _SUB_PAGES in page.tags):
            raise PreviewError
        pixels = _pixels(page)
        original = picture if isinstance(picture, bytes) else picture.read_bytes()
        return Rewritten(_with(original, page, pixels), len(opened.pages))


def _opened(picture: Path | bytes) -> Any:
    import tifffile  # takes a quarter of a second, for few pictures

    return tifffile.TiffFile(
        io.BytesIO(picture) if isinstance(picture, bytes) else picture
    )


def _pixels(page: Any) -> np.ndarray:
    """(h, w, c) of grey, RGB, RGBA or CMYK."""
    kind = _name(page.photometric)
    extra = [int(x) for x in page.extrasamples]
    samples = page.samplesperpixel
    readable = page.dtype is not None and page.dtype.kind in "uif"
    if not readable or samples - len(extra) != _COLOURS.get(kind):
        raise NotReadError(f"{_named(page)}, which is not read")
    if not all(page.databytecounts):
        raise ValueError("a part of its pixels is missing")
    try:
        values = page.asarray()
    except (NotImplementedError, ValueError) as error:
        if "imagecodecs" not in str(error):
            raise
        what = "which is read where imagecodecs is installed"
        raise NotReadError(f"{_named(page)}, {what}") from None
    if page.planarconfig == 2 and samples > 1:
        values = np.moveaxis(values, 0, -1)
    if samples == 1:
        values = values[..., None]
    if values.shape != (page.imagelength, page.imagewidth, samples):  # it has depth
        raise NotReadError(f"{_named(page)}, which is not read")
    pixels = _levels(values[..., : _COLOURS[kind]], page.bitspersample)
    alpha = None
    if extra and extra[0] in (_ASSOCIATED, _UNASSOCIATED) and kind != "SEPARATED":
        alpha = _levels(values[..., _COLOURS[kind], None], page.bitspersample)
    if alpha is not None and extra[0] == _ASSOCIATED:
        pixels = divided(pixels, alpha)
    if kind == "MINISWHITE":
        pixels = np.iinfo(pixels.dtype).max - pixels
    if alpha is None:
        return pixels
    rgb = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return np.concatenate([rgb, alpha], axis=-1)


def _levels(values: np.ndarray, bits: int) -> np.ndarray:
    if values.dtype.kind == "f":
        return scaled(values, WHITES_OF_FLOATS)
    signed = values.dtype.kind == "i"
    if bits in (8, 16) and not signed:
        return values.astype(f"u{bits // 8}")
    return scaled(values, whites_of(bits, signed))


def _with(original: bytes, page: Any, pixels: np.ndarray) -> bytes:
    """A file with other pixels: they and a directory come behind it (TIFF 6.0, 2).

    What else the old directory said stays where it is, whatever it is.
    """
    order = page.parent.byteorder
    h, w, samples = pixels.shape
    strip = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    colours = _RGB if samples > 1 else _BLACK_IS_0
    said = {
        _WIDTH: [w], _HEIGHT: [h], _ROWS: [h], _SAMPLES: [samples], _COMPRESSION: [1],
        _BITS: [8 * pixels.dtype.itemsize] * samples, _COUNTS: [len(strip)],
        _PHOTOMETRIC: [_CMYK if _name(page.photometric) == "SEPARATED" else colours],
    }  # fmt: skip
    if said[_PHOTOMETRIC] == [_RGB] and samples == 4:
        said[_EXTRA] = [_UNASSOCIATED]
    content = bytearray(original)

    def put(more: bytes) -> int:
        content.extend(bytes(len(content) % 2))
        content.extend(more)
        return len(content) - len(more)

    said[_OFFSETS] = [put(strip)]
    entries = {}
    for tag in page.tags:
        length = tag.count * _LENGTHS.get(tag.dtype, 1 << 64)
        value = original[tag.valueoffset : tag.valueoffset + min(length, 4)]
        if length > 4:
            value = struct.pack(f"{order}L", tag.valueoffset)
        if tag.valueoffset + length <= len(original):
            head = struct.pack(f"{order}HHL", tag.code, tag.dtype, tag.count)
            entries[tag.code] = head + value.ljust(4, b"\0")
    for code in _STORED:
        entries.pop(code, None)
    for code, numbers in said.items():
        kind, form = (_LONG, "L") if code in _LONGS else (_SHORT, "H")
        value = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        if len(value) > 4:
            value = struct.pack(f"{order}L", put(value))
        head = struct.pack(f"{order}HHL", code, kind, len(numbers))
        entries[code] = head + value.ljust(4, b"\0")
    listed = b"".join(entries[code] for code in sorted(entries))
    count = struct.pack(f"{order}H", len(entries))
    first = put(count + listed + bytes(4))
    begin = b"II*\0" if order == "<" else b"MM\0*"
    content[:8] = begin + struct.pack(f"{order}L", first)
    return bytes(content)


def _name(number: Any) -> str:
    """Of what tifffile has an enumeration for; others are numbers."""
    return str(getattr(number, "name", number))


def _named(page: Any) -> str:
    """What a page holds."""
    numbers = page.dtype.kind if page.dtype is not None else ""
    words = [
        f"{page.bitspersample} bits",
        {"f": "floats", "i": "with signs", "c": "complex"}.get(numbers, ""),
        _name(page.photometric).lower(),
        _name(page.compression).lower().replace("none", ""),
    ]
    return ", ".join(word for word in words if word)
