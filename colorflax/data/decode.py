"""A file becomes an 8-bit sRGB picture, whatever kind of picture it holds."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from colorflax.errors import UserError

_FAILURES = (
    OSError,  # unreadable, not a picture, truncated
    ValueError,
    SyntaxError,  # what Pillow raises for a broken PNG
    EOFError,
    OverflowError,
    Image.DecompressionBombError,
)


def decode(
    picture: Path | bytes, short_side: int | None = None, name: str | None = None
) -> Image.Image:
    """Read a photograph as an upright RGB picture in sRGB.

    Orientation is applied, an embedded colour profile is converted to sRGB, what is
    transparent becomes white, and 16-bit grey is rounded to 8. The first frame of an
    animation counts.

    Args:
        picture: any file that Pillow reads, or what is in one.
        short_side: px; a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its size, as
            long as its short side stays at least twice this.
        name: what messages call it; by default the path.

    Raises:
        UserError: names the file and says what is wrong with it.
    """
    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    name = name or ("a picture" if isinstance(picture, bytes) else str(picture))
    try:
        with Image.open(file) as image:
            if short_side is not None:
                scale = 2 * short_side / min(image.size)
                w, h = (round(side * scale) for side in image.size)
                image.draft(None, (w, h))
            image.load()
            return _to_srgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise UserError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{name}: a folder, not a photograph") from None
    except PermissionError:
        raise UserError(f"{name}: no permission to read it") from None
    except Image.UnidentifiedImageError:
        raise UserError(f"{name}: not a picture that can be read") from None
    except _FAILURES as error:
        raise UserError(f"{name}: a damaged picture ({error})") from None


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bit(image)
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        image = _convert_profile(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image, np.float64)
    # Pillow widens 16-bit grey to 32 bits; there is no other integer grey in use.
    full = 1.0 if image.mode == "F" and values.max(initial=0) <= 1 else 65535.0
    return Image.fromarray((values / full * 255).round().clip(0, 255).astype(np.uint8))


def _convert_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image  # a broken or unsuitable profile: the numbers are taken as sRGB
    assert converted is not None  # only in-place conversion returns nothing
    return converted
