"""Colour of 16 bits a channel, which Pillow reads as 8.

It keeps the first of a channel's two bytes. Told that they come in the other order it
keeps the second, so both together are the picture.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt16
from PIL import ImageFile

from colorflax.data.levels import divided

_PLANES = 284  # a tag of a TIFF


def read(
    opened: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]
) -> UInt16[np.ndarray, "h w c"] | None:
    """The pixels of a picture that has 16 bits in each of several channels.

    Args:
        opened: not loaded yet; afterwards it is.
        again: opens the same picture once more.

    Returns:
        Grey and alpha, RGB or RGBA; None for any other picture.
    """
    raw = {_raw(tile.args) for tile in opened.tile}
    if raw == {"LA;16B"}:  # four bytes a pixel, as an RGBA of 8 bits has
        opened.tile = [_as(tile, "RGBA") for tile in opened.tile]
        return np.asarray(opened).view(">u2").astype(np.uint16)
    planes = getattr(opened, "tag_v2", {}).get(_PLANES, 1) == 2
    if planes or not raw or any(name not in _SWAPPED for name in raw):
        return None
    second = again()
    second.tile = [_as(tile, _SWAPPED[_raw(tile.args)]) for tile in second.tile]
    # Halves of what was multiplied by alpha cannot be divided by halves of it.
    opened.tile = [_as(tile, _raw(tile.args).upper()) for tile in opened.tile]
    high, low = np.asarray(opened), np.asarray(second)
    if high.shape != low.shape:
        raise ValueError("its halves differ")
    both = np.left_shift(high, 8, dtype=np.uint16) | low
    if any("a" in name for name in raw):
        both[..., :3] = divided(both[..., :3], both[..., 3:])
    return both


# Of associated alpha as if it were not.
_SWAPPED = {
    f"{mode};16{order}": f"{mode.upper()};16{other}"
    for mode in ("RGB", "RGBA", "RGBa", "RGBX")
    for order, other in ("BL", "LB", ("N", "B" if np.little_endian else "L"))
}


def _as(tile: ImageFile._Tile, raw: str) -> ImageFile._Tile:
    rest = tile.args[1:] if isinstance(tile.args, tuple) else None
    return tile._replace(args=raw if rest is None else (raw, *rest))


def _raw(args: object) -> str:
    return str(args[0] if isinstance(args, tuple) else args)
