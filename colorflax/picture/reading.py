"""A file becomes a picture: upright, in sRGB, no bit lost."""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from colorflax.data import gamma
from colorflax.data.decode import apart, orientation
from colorflax.data.levels import to_16_bit
from colorflax.data.opening import Source, found
from colorflax.picture import deep, metadata, profile
from colorflax.picture.pixels import Picture, Pixels

# A JPEG of a phone may have more pictures behind it: previews, maps of light or depth.
_PAGED = ("TIFF", "GIF", "PNG", "WEBP", "AVIF", "HEIF")


def read(file: Path | bytes, name: str | None = None) -> Picture:
    """Read a picture with its metadata; of several pages, the first.

    16 bits stay 16 where they are grey or RGB, in PNG and TIFF; orientation is applied;
    an embedded colour profile is converted to sRGB.

    Args:
        file: as for `decode`, or its content.
        name: as for `decode`.

    Raises:
        UserError: names the file and says what is wrong with it, in one line.
    """
    with found(file, name) as (source, image):
        told = _told(image)
        pixels = deep.read(image, source.open)
        picture = _picture(image, told, pixels)
        return dataclasses.replace(picture, pages=_pages(source, image.format))


def of_image(image: Image.Image) -> Picture:
    """The same of a picture that Pillow has open."""
    return _picture(image, _told(image), None)


def _picture(image: Image.Image, told: int, deep_pixels: np.ndarray | None) -> Picture:
    image.load()
    turn = orientation(image)
    about = metadata.of(image, turned=max(told, turn) > 4)
    if deep_pixels is not None:
        pixels, alpha = _split(deep_pixels, image)
    elif image.mode.startswith("I") or image.mode == "F":
        pixels, alpha = _split(to_16_bit(image)[..., None], image)
    else:
        return _shallow(image, turn, about)
    if icc := gamma.profile(image):
        pixels = profile.to_srgb(pixels, icc)
    alpha = None if alpha is None else _turn(alpha, turn)
    return Picture(_turn(pixels, turn), alpha, about)


def _pages(source: Source, format: str | None) -> int:
    if source.pages is not None or format not in _PAGED:
        return source.pages or 1
    try:  # whatever is wrong with the others, this one has been read
        with source.open() as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1


def _told(image: Image.Image) -> int:
    """How a picture lies that is turned while it is read, and then says no more."""
    if image.format == "HEIF":
        return int(image.info.get("original_orientation") or 1)
    return orientation(image) if image.format == "TIFF" else 1


def _split(x: np.ndarray, image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Grey or RGB, and alpha."""
    channels = x.shape[-1]
    alpha = x[..., -1] if channels in (2, 4) else None
    pixels = x[..., 0] if channels < 3 else x[..., :3]
    clear = image.info.get("transparency")
    if alpha is None and isinstance(clear, int | tuple):  # one value is transparent
        same = (x == np.array(clear, np.uint16)).all(axis=-1)
        alpha = np.where(same, 0, 65535).astype(np.uint16)
    return pixels, alpha


def _shallow(image: Image.Image, turn: int, about: metadata.Metadata) -> Picture:
    image, opaque = apart(image, gamma.profile(image))
    alpha = None if opaque is None else _turn(np.asarray(opaque), turn)
    return Picture(_turn(np.asarray(image), turn), alpha, about)


def _turn(x: Pixels, orientation: int) -> Pixels:
    """Upright, from how EXIF says it lies; a view."""
    match orientation:
        case 2:
            return x[:, ::-1]
        case 3:
            return x[::-1, ::-1]
        case 4:
            return x[::-1]
        case 5:
            return x.swapaxes(0, 1)
        case 6:
            return np.rot90(x, -1)
        case 7:
            return x[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(x)
    return x
