"""PNG of 8 and 16 bits; Pillow writes no 16-bit colour, nor on several cores."""

import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import UInt8
from PIL import PngImagePlugin

from colorflax.picture.metadata import Metadata
from colorflax.picture.pixels import Pixels

_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # of channels
_STRIP = 1 << 20  # bytes filtered and pressed together
_THREADS = min(4, os.cpu_count() or 1)  # strips at a time
_LEVEL = 3  # of zlib: half the time of the usual 6, files a few percent larger


def png(pixels: Pixels, metadata: Metadata, profile: bytes) -> bytes:
    """Encode (h, w, c) of grey, grey and alpha, RGB or RGBA; uint8 or uint16."""
    h, w, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", w, h, depth, _COLOUR_TYPE[channels], 0, 0, 0)
    parts.append(_chunk(b"IHDR", header))
    parts.append(_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)))
    if metadata.dpi:
        across, down = (min(round(x / 0.0254), 2**31 - 1) for x in metadata.dpi)
        parts.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        parts.append(_chunk(b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    parts += [_chunk(kind, data) for kind, data in _texts(metadata)]
    parts += [_chunk(b"IDAT", piece) for piece in _pressed(pixels)]
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


def _pressed(pixels: Pixels) -> Iterator[bytes]:
    """One zlib stream, of pieces pressed by themselves: the same from any threads."""
    h, w, channels = pixels.shape
    step = channels * pixels.dtype.itemsize
    rows = max(1, _STRIP // (w * step))

    def press(top: int) -> tuple[bytes, int, int]:
        raw = _raw(pixels[max(0, top - 1) : top + rows])
        above, raw = (raw[0], raw[1:]) if top else (np.zeros_like(raw[0]), raw)
        filtered = _filtered(raw, above, step).tobytes()
        pressed = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        last = top + rows >= h
        piece = pressed.compress(filtered)
        piece += pressed.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)
        return piece, zlib.adler32(filtered), len(filtered)

    yield b"\x78\x9c"  # RFC 1950: deflate, a window of 32 KiB
    checksum = 1
    with ThreadPoolExecutor(_THREADS) as pool:
        for piece, its, length in pool.map(press, range(0, h, rows)):
            yield piece
            checksum = _joined(checksum, its, length)
    yield checksum.to_bytes(4, "big")


def _joined(first: int, second: int, length: int) -> int:
    """Adler-32 of bytes and `length` more, from those of both (RFC 1950)."""
    a, b = first & 0xFFFF, first >> 16
    b = (b + (second >> 16) + length * (a - 1)) % 65521
    return b << 16 | (a + (second & 0xFFFF) - 1) % 65521


def _raw(rows: Pixels) -> UInt8[np.ndarray, "h n"]:
    """As PNG has them: the high byte first."""
    rows = np.ascontiguousarray(rows)
    rows = rows.astype(rows.dtype.newbyteorder(">"))
    return rows.view(np.uint8).reshape(len(rows), -1)


def _filtered(
    raw: UInt8[np.ndarray, "h n"], above: UInt8[np.ndarray, " n"], step: int
) -> UInt8[np.ndarray, "h n1"]:
    """Each row by its left or by its upper neighbours, whichever leaves less."""
    left = raw.copy()
    left[:, step:] -= raw[:, :-step]
    up = raw - np.concatenate([above[None], raw[:-1]])
    size = [np.abs(x.view(np.int8).astype(np.int16)).sum(1) for x in (left, up)]
    chosen = size[1] < size[0]
    filtered = np.empty((len(raw), raw.shape[1] + 1), np.uint8)
    filtered[:, 0] = 1 + chosen
    filtered[:, 1:] = np.where(chosen[:, None], up, left)
    return filtered


def _texts(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    info = PngImagePlugin.PngInfo()
    for key, value in metadata.text.items():
        info.add_text(key, value)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return [(chunk[0], chunk[1]) for chunk in info.chunks]


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
