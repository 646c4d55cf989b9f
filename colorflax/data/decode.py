"""A file becomes an 8-bit sRGB picture, whatever kind of picture it holds."""

import io
from pathlib import Path

from PIL import ExifTags, Image, ImageCms

from colorflax.data import gamma
from colorflax.data.levels import to_8_bit, to_16_bit
from colorflax.data.opening import opened

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    picture: Path | bytes, at_least: int | None = None, name: str | None = None
) -> Image.Image:
    """Read a photograph as an upright RGB picture in sRGB.

    Orientation is applied, an embedded colour profile is converted to sRGB, what is
    transparent becomes white, and 16-bit grey is rounded to 8. The first frame of an
    animation counts. Broken metadata is passed over; broken pixels are not.

    Args:
        picture: JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP, JPEG 2000, PPM or, where
            pillow-heif is installed, HEIC; a file whatever its name or what is in one,
            of at most 179 megapixels (Pillow's limit, twice `Image.MAX_IMAGE_PIXELS`).
        at_least: px; a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its size, as
            long as its short side stays this long. Of twice what is needed, hardly a
            pixel changes; of no more, what is finest comes out sharper than resized.
        name: what messages call it; by default the path.

    Raises:
        UserError: names the file and says what is wrong with it, in one line.
    """
    with opened(picture, name) as image:
        if at_least is not None and image.format != "HEIF":  # whose thumbnail it takes
            scale = at_least / min(image.size)
            w, h = (round(side * scale) for side in image.size)
            image.draft(None, (w, h))
        image.load()
        return to_srgb(_upright(image))


def orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF has it; of a loaded picture, for reading a TIFF turns it."""
    try:
        turn = image.getexif().get(ExifTags.Base.Orientation, 1)
        return turn if turn in _UPRIGHT else 1
    except Exception:  # a tag may be of any length, type and content
        return 1


def _upright(image: Image.Image) -> Image.Image:
    turn = orientation(image)
    return image if turn == 1 else image.transpose(_UPRIGHT[turn])


def to_srgb(image: Image.Image) -> Image.Image:
    """Any picture as 8-bit RGB, on white; what `decode` does after reading."""
    icc = gamma.profile(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(to_8_bit(to_16_bit(image)))
    image, alpha = apart(image, icc)
    image = image if image.mode == "RGB" else image.convert("RGB")
    if alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white


def apart(
    image: Image.Image, profile: bytes | None
) -> tuple[Image.Image, Image.Image | None]:
    """An 8-bit picture as grey or RGB in sRGB, and how opaque it is if it says so."""
    if image.mode == "La":
        image = image.convert("LA")  # Pillow knows no other way
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        grey = image.mode in ("L", "LA", "1")
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.getchannel("R") if grey else image.convert("RGB")
    if image.mode in ("1", "P"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        image = convert_profile(image, profile)
    return image if image.mode in ("L", "RGB") else image.convert("RGB"), alpha


def convert_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """The same colours in sRGB; the picture itself where the profile is broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except Exception:
        return image  # broken or unsuitable: the numbers are taken as sRGB
    assert converted is not None  # only in-place conversion returns nothing
    return converted
