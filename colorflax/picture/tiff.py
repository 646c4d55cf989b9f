"""TIFF of 8 and 16 bits; Pillow writes no 16-bit colour. Some rows at a time."""

import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

from colorflax.picture.metadata import Metadata, raw
from colorflax.picture.pixels import Pixels

_STRIP = 1 << 18  # pixels a strip
_LEVEL = 3  # of zlib
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _COUNTS = 273, 274, 277, 278, 279
_ACROSS, _DOWN, _UNIT, _PREDICTOR, _EXTRA = 282, 283, 296, 317, 338
_XMP, _ICC = 700, 34675
_DEFLATE, _BLACK_IS_0, _RGB, _DIFFERENCES, _ALPHA, _INCH = 8, 1, 2, 2, 2, 2
_BYTE, _LONG, _UNDEFINED = 1, 4, 7


def tiff(pixels: Pixels, metadata: Metadata, profile: bytes) -> bytes:
    """Encode (h, w, c) of grey, grey and alpha, RGB or RGBA; uint8 or uint16."""
    h, w, channels = pixels.shape
    rows = max(1, _STRIP // w)
    strips = []
    for top in range(0, h, rows):
        strip = pixels[top : top + rows]
        difference = np.array(strip)
        difference[:, 1:] -= strip[:, :-1]
        little = difference.astype(strip.dtype.newbyteorder("<"))
        strips.append(zlib.compress(little.tobytes(), _LEVEL))
    lengths = [len(strip) for strip in strips]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()  # from where the tags end
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II\x2a\0\0\0\0\0")
    if metadata.exif:
        exif = Image.Exif()
        exif.load(metadata.exif)
        for tag, value in exif.items():
            tags[tag] = exif.get_ifd(tag) if tag in (0x8769, 0x8825) else raw(value)
    tags[_WIDTH], tags[_HEIGHT] = w, h
    tags[_BITS] = (8 * pixels.dtype.itemsize,) * channels
    tags[_COMPRESSION], tags[_PREDICTOR] = _DEFLATE, _DIFFERENCES
    tags[_PHOTOMETRIC] = _RGB if channels > 2 else _BLACK_IS_0
    tags[_ORIENTATION], tags[_SAMPLES], tags[_ROWS] = 1, channels, rows
    for tag, numbers in ((_OFFSETS, starts), (_COUNTS, lengths)):
        tags.tagtype[tag] = _LONG
        tags[tag] = tuple(numbers)
    if channels in (2, 4):
        tags[_EXTRA] = _ALPHA
    if metadata.dpi:
        tags[_UNIT] = _INCH
        tags[_ACROSS], tags[_DOWN] = metadata.dpi
    if metadata.xmp:
        tags.tagtype[_XMP] = _BYTE
        tags[_XMP] = metadata.xmp
    tags.tagtype[_ICC] = _UNDEFINED
    tags[_ICC] = profile
    return b"".join([b"II\x2a\0\x08\0\0\0", tags.tobytes(8), *strips])
