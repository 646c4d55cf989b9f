"""A picture with its metadata becomes a file."""

import io

import numpy as np
from PIL import Image

from colorflax.errors import TooLargeError
from colorflax.picture import profile
from colorflax.picture.metadata import Metadata
from colorflax.picture.pixels import Pixels, eight_bit
from colorflax.picture.png import png
from colorflax.picture.tiff import tiff

FORMATS = {"png": ".png", "tif": ".tif", "jpg": ".jpg", "webp": ".webp"}
MOST = {"jpg": 65_500, "webp": 16_383}
"""Px a side; the others have room for whatever is read."""

_LONGEST = 65_000  # bytes of metadata of one kind in a JPEG


def encode(
    format: str, pixels: Pixels, alpha: Pixels | None, metadata: Metadata
) -> bytes:
    """The content of a file.

    PNG and TIFF keep 16 bits and lose nothing, WebP loses nothing of 8 bits; JPEG has
    quality 95, colours at full resolution, and white for what is transparent.

    Args:
        format: one of `FORMATS`.
        pixels: (h, w) or (h, w, 3) in sRGB, uint8 or uint16.
        alpha: (h, w), of the same dtype.
        metadata: written as far as the format goes.

    Raises:
        TooLargeError: the format has no pictures of that size.
    """
    if max(pixels.shape[:2]) > MOST.get(format, 2**31):
        raise TooLargeError(
            f"a {format} has at most {MOST[format]} px a side; take --format=png"
        )
    if format in ("png", "tif"):
        layers = pixels[..., None] if pixels.ndim == 2 else pixels
        if alpha is not None:
            layers = np.concatenate([layers, alpha[..., None]], axis=-1)
        return (png if format == "png" else tiff)(layers, metadata, profile.srgb())
    image = Image.fromarray(np.ascontiguousarray(eight_bit(pixels)))
    if alpha is not None:
        mask = Image.fromarray(np.ascontiguousarray(eight_bit(alpha)))
        if format == "webp":
            image.putalpha(mask)
        else:
            white = Image.new(image.mode, image.size, "white")
            white.paste(image, mask=mask)
            image = white
    buffer = io.BytesIO()
    fits = {
        "exif": metadata.exif if len(metadata.exif) < _LONGEST else b"",
        "xmp": metadata.xmp if len(metadata.xmp) < _LONGEST else b"",
        "icc_profile": profile.srgb(),
    }
    if format == "webp":
        image.save(buffer, "WEBP", lossless=True, method=2, exact=True, **fits)
    else:
        dpi = {"dpi": metadata.dpi} if metadata.dpi else {}
        image.save(buffer, "JPEG", quality=95, subsampling=0, **fits, **dpi)
    return buffer.getvalue()
