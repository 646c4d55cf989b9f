"""TIFFs that Pillow does not know, as ones that it does; only this file knows tifffile.

Floats of other sizes than 32 bits or of colours, colours of 32 bits, grey of 16 bits
with alpha, channels beyond alpha such as a scanner's infrared, ...
"""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt16
from PIL import Image

from colorflax.data.levels import WHITES_OF_FLOATS, WHITES_OF_LONGS, divided, scaled

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # as for Pillow's

# What is kept beside pixels and resolution: texts, orientation, XMP, colour profile.
_KEPT = (270, 271, 272, 274, 305, 306, 315, 700, 33432, 34675)
_ASSOCIATED, _UNASSOCIATED = 1, 2  # kinds of alpha


class NotReadError(Exception):
    """Says of a TIFF what it holds that is not read."""


def rewritten(picture: Path | bytes) -> io.BytesIO:
    """The first page, uncompressed: grey, RGB or RGBA, of 8 bits or of 16.

    Raises:
        NotReadError: a kind of TIFF that is not read.
        Exception: of many kinds, if it is damaged or not a TIFF.
    """
    import tifffile  # takes a quarter of a second, for few pictures

    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    with tifffile.TiffFile(file) as opened:
        page = opened.pages.first.aspage()
        most = 2 * (Image.MAX_IMAGE_PIXELS or np.inf)
        if page.imagewidth * page.imagelength > most:
            raise Image.DecompressionBombError
        kind = str(getattr(page.photometric, "name", page.photometric))
        if kind not in ("MINISWHITE", "MINISBLACK", "RGB") or page.dtype is None:
            raise NotReadError(_named(page))
        try:
            values = page.asarray()
        except (NotImplementedError, ValueError):  # needs a decoder that is not here
            raise NotReadError(_named(page)) from None
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
        values = values if values.ndim == 3 else values[..., None]
        extra = [int(x) for x in page.extrasamples]
        colours = values.shape[-1] - len(extra)
        if values.ndim != 3 or colours != (3 if kind == "RGB" else 1):
            raise NotReadError(_named(page))
        pixels = _sixteen(values[..., :colours], page)
        if kind == "MINISWHITE":
            pixels = 65535 - pixels
        if extra and extra[0] in (_ASSOCIATED, _UNASSOCIATED):
            alpha = _sixteen(values[..., colours : colours + 1], page)
            if extra[0] == _ASSOCIATED:
                pixels = divided(pixels, alpha)
            rgb = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
            pixels, extra = np.concatenate([rgb, alpha], axis=-1), [_UNASSOCIATED]
        else:
            extra = []
        resolution = page.resolution, page.resolutionunit
        tags = [page.tags[code] for code in _KEPT if code in page.tags]
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        pixels if pixels.shape[-1] > 1 else pixels[..., 0],
        photometric="rgb" if pixels.shape[-1] > 1 else "minisblack",
        extrasamples=extra,
        resolution=resolution[0],
        resolutionunit=resolution[1],
        metadata=None,
        software=False,
        extratags=[(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags],
    )
    content.seek(0)
    return content


def _sixteen(values: np.ndarray, page: Any) -> UInt16[np.ndarray, "h w c"]:
    if values.dtype.kind == "f":
        return scaled(values, WHITES_OF_FLOATS)
    if values.dtype.kind != "u":
        raise NotReadError(_named(page))
    bits = page.bitspersample
    if bits == 16:
        return values.astype(np.uint16)
    return scaled(values, WHITES_OF_LONGS if bits == 32 else [2**bits - 1])


def _named(page: Any) -> str:
    numbers = page.dtype.kind if page.dtype is not None else ""
    kind = {"f": "floats", "i": "signed numbers"}.get(numbers, "")
    words = [f"{page.bitspersample} bits", kind, page.photometric.name.lower()]
    compression = page.compression.name.lower()
    words.append("" if compression == "none" else compression)
    return ", ".join(word for word in words if word)
