"""Pictures as Python has them, in and out again: paths, of Pillow, arrays."""

from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from PIL import Image

from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.picture.pixels import Picture, Pixels, eight_bit
from colorflax.picture.reading import of_image, read


@runtime_checkable
class Array(Protocol):
    """An array of JAX, PyTorch or whatever else becomes one of NumPy."""

    def __array__(self, *how: Any, **more: Any) -> np.ndarray: ...


Like: TypeAlias = str | Path | Image.Image | np.ndarray | Array


def take(image: object) -> Picture:
    """A picture from a path, from Pillow or from an array.

    Args:
        image: an array, of NumPy or JAX, has shape (h, w), (h, w, 1) or (h, w, 3) and
            is uint8, uint16 or, from 0 to 1, float.

    Raises:
        UserError: a file that cannot be read, or an array of another kind.
    """
    match image:
        case Picture():
            return image
        case str() | Path():
            return read(files.local(str(image)))
        case Image.Image():
            try:
                return of_image(image)
            except Exception as error:  # of pixels that are read only now
                raise UserError(
                    f"an image of Pillow cannot be read ({error})"
                ) from None
        case np.ndarray() | Array():
            try:
                array = np.asarray(image)
            except Exception as error:  # on another device, say
                kind = type(image).__name__
                raise UserError(f"{kind}: becomes no array ({error})") from None
            return Picture(_pixels(array))
    raise UserError(f"{type(image).__name__}: not a path, a Pillow image or an array")


def back(like: Like | Picture, pixels: Pixels, alpha: Pixels | None) -> Like:
    """Coloured pixels as what was given: an array for one, else an image of Pillow."""
    if isinstance(like, np.ndarray | Array) and not isinstance(like, Image.Image):
        return pixels
    image = Image.fromarray(eight_bit(pixels))
    if alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(eight_bit(alpha))))
    return image


def _pixels(x: np.ndarray) -> Pixels:
    if x.ndim == 3 and x.shape[2] == 1:
        x = x[..., 0]
    if not (x.ndim == 2 or (x.ndim == 3 and x.shape[2] == 3)) or not x.size:
        raise UserError(
            f"an array of shape {x.shape} is no picture; give (h, w) or (h, w, 3)"
        )
    x = x.astype(x.dtype.newbyteorder("="), copy=False)  # FITS has the other order
    if x.dtype in (np.uint8, np.uint16):
        return x
    if x.dtype.kind != "f":
        raise UserError(f"an array of {x.dtype}; give uint8, uint16 or float in 0..1")
    low, high = float(x.min()), float(x.max())
    if not 0 <= low <= high <= 1:  # nor NaN
        raise UserError(f"a float array from {low:g} to {high:g}; give 0 to 1")
    return x
