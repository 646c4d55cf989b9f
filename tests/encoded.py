"""Small pictures as files of every kind."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

DEEP = np.random.default_rng(0).integers(0, 65536, (13, 17, 4)).astype(np.uint16)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """As Pillow writes it."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(x: np.ndarray, **options: object) -> bytes:
    """As tifffile writes it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, x, **options)
    return buffer.getvalue()


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """By the book; each row begins with a zero, for no filter."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def deep_png(x: np.ndarray, kind: int) -> bytes:
    """Of 16 bits."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in x)
    return png(x.shape[1], x.shape[0], 16, kind, rows)
