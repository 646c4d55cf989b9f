"""A file becomes an 8-bit sRGB picture, whatever kind of picture it holds."""

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import ExifTags, Image, ImageCms, ImageFile, features

from colorflax.data.quiet import quiet
from colorflax.disk.files import shown
from colorflax.errors import UserError

# Others that Pillow knows run programs (EPS), or hold fonts, films and thumbnails.
_FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "DIB", "JPEG2000", "PPM"]
_FORMATS += ["AVIF"] if features.check("avif") else []  # Pillow since 11.3
_FILM = "a film, not a photograph; python -m colorflax.video colours it"
# What is asked of us and is none of these, by how it begins.
_OTHERS = (
    (rb".{4}ftyp(heic|heix|hevc|mif1|msf1)", "HEIC, which is not read"),
    (rb".{4}ftypavi[fs]", "a damaged picture, or AVIF without a Pillow that reads it"),
    (rb".{4}ftyp(crx )|II\*\0.{4}CR|FUJIFILM|IIU\0|IIRO", "a camera's raw file"),
    (rb".{4}(ftyp|moov)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |0&\xb2u|\0\0\1\xba", _FILM),
    (rb"%PDF", "a PDF, not a photograph"),
    (rb"8BPS", "a Photoshop file, which is not read"),
)
_INSTEAD = "save it as TIFF, PNG or JPEG first"
# Tags of a TIFF.
_KIND_OF_PAGE, _SUB_PAGES = 254, 330
_BITS, _COMPRESSION, _PHOTOMETRIC, _NUMBERS = 258, 259, 262, 339
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
        picture: JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP, JPEG 2000 or PPM, a file
            whatever its name or what is in one, of at most 179 megapixels (Pillow's
            limit, twice `Image.MAX_IMAGE_PIXELS`).
        at_least: px; a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its size, as
            long as its short side stays this long. Of twice what is needed, hardly a
            pixel changes; of no more, what is finest comes out sharper than resized.
        name: what messages call it; by default the path.

    Raises:
        UserError: names the file and says what is wrong with it, in one line.
    """
    with opened(picture, name) as image:
        if at_least is not None:
            scale = at_least / min(image.size)
            w, h = (round(side * scale) for side in image.size)
            image.draft(None, (w, h))
        image.load()
        return to_srgb(_upright(image))


@contextlib.contextmanager
def opened(
    picture: Path | bytes, name: str | None = None
) -> Iterator[ImageFile.ImageFile]:
    """A picture whose pixels have not been read yet.

    Args:
        picture: as for `decode`.
        name: as for `decode`.

    Raises:
        UserError: what `decode` raises; also for what fails while it is open.
    """
    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    name = name or ("a picture" if isinstance(picture, bytes) else str(picture))
    try:
        if isinstance(picture, Path):
            need_file(picture)
        with quiet(), Image.open(file, formats=_FORMATS) as image:
            mended(image)
            if _is_preview(image):
                raise UserError(
                    f"{shown(name)}: begins with a small preview, as a camera's raw "
                    f"file does; {_INSTEAD}"
                )
            yield image
    except UserError:
        raise
    except Image.UnidentifiedImageError:
        raise UserError(f"{shown(name)}: {_what_else(file)}") from None
    # A decoder that is fed damaged bytes raises anything, MemoryError included.
    except Exception as error:
        raise UserError(f"{shown(name)}: {_reason(error)}") from None


def mended(image: ImageFile.ImageFile) -> ImageFile.ImageFile:
    """A picture that is not loaded yet, told what Pillow forgets.

    A file that it knows the name of it maps into memory, by the sides that a TIFF has
    after it was turned. And of uncompressed planes of 16 bits it takes every byte for a
    pixel.
    """
    image.filename = ""
    tags: Any = getattr(image, "tag_v2", {})
    sixteen = tags.get(_BITS, (8,))[0] == 16 and tags.get(_COMPRESSION, 1) == 1
    if sixteen and {_raw(tile.args) for tile in image.tile} <= set("RGBA"):
        order = "B" if tags.prefix == b"MM" else "L"
        tiles: Any = image.tile
        image.tile = [
            tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
            for tile in tiles
        ]
    return image


def _raw(args: object) -> str:
    return str(args[0] if isinstance(args, tuple) else args)


def need_file(path: Path) -> None:
    """Raise `UserError` unless it is a file.

    Opening a pipe would wait for ever, and a device may never end.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise UserError(f"{shown(path)}: a folder, not a photograph")
    if not stat.S_ISREG(mode):
        raise UserError(f"{shown(path)}: a pipe, socket or device, not a photograph")


def _is_preview(image: Image.Image) -> bool:
    """Whether the first page of a TIFF is there to be looked at before the others."""
    try:
        tags = getattr(image, "tag_v2", {})
        small = bool(int(tags.get(_KIND_OF_PAGE, 0)) & 1)
        return small and (_SUB_PAGES in tags or getattr(image, "n_frames", 1) > 1)
    except Exception:  # of any length, type and content
        return False


def _what_else(file: Path | io.BytesIO) -> str:
    begin = b""
    if isinstance(file, io.BytesIO):
        begin = file.getvalue()[:16]
    else:
        with contextlib.suppress(OSError), file.open("rb") as opened_again:
            begin = opened_again.read(16)
    for pattern, what in _OTHERS:
        if re.match(pattern, begin, re.DOTALL):
            return what if what == _FILM else f"{what}; {_INSTEAD}"
    return "not a picture that can be read"


def _reason(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "no such file"
        case PermissionError():
            return "no permission to read it"
        case Image.DecompressionBombError():
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            return f"claims to be larger than the {limit:.0f} megapixels that are read"
        case OSError() if error.strerror:
            return f"cannot be read ({error.strerror})"
        case MemoryError():
            return "a damaged picture, or too large for this machine's memory"
    words = shown(" ".join(str(error).split()))[:200]
    return f"a damaged picture ({words or type(error).__name__})"


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
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(to_8_bit(to_16_bit(image)))
    image, alpha = apart(image, profile)
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


def to_16_bit(image: Image.Image) -> UInt16[np.ndarray, "h w"]:
    """Grey of more than 8 bits, as integers or floats, on the scale of 16."""
    values: Any = np.asarray(image)
    tags: Any = getattr(image, "tag_v2", {})
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        grey = values.astype(np.uint16)
        if tags.get(_BITS, (16,))[0] == 12:
            grey = np.bitwise_or(grey << 4, grey >> 8)
    else:
        if image.mode == "I" and tags.get(_NUMBERS, (1,))[0] == 1:
            values = values.view(np.uint32)  # Pillow says that they have a sign
        grey = _scaled(np.nan_to_num(values.astype(np.float32)), _whites(image))
    # Of 8 bits and less Pillow knows that 0 may be white.
    return 65535 - grey if tags.get(_PHOTOMETRIC) == 0 else grey


def _whites(image: Image.Image) -> Sequence[int]:
    """What white may be in a picture of integers of 32 bits, or of floats."""
    if image.mode == "F":
        return 1, 255, 65535
    if getattr(image, "tag_v2", {}).get(_BITS, (16,))[0] == 32:
        return 65535, 2**32 - 1
    # A file says 16 bits, which Pillow widens; a picture in memory may be of 8.
    return (65535,) if image.format else (255, 65535)


def _scaled(
    values: Float[np.ndarray, "h w"], whites: Sequence[int]
) -> UInt16[np.ndarray, "h w"]:
    # What was resampled or developed may overshoot its white a little.
    peak = values.max(initial=0) / 1.5
    white = next((white for white in whites if peak <= white), whites[-1])
    return (values * np.float32(65535 / white)).round().clip(0, 65535).astype(np.uint16)


def to_8_bit(values: UInt16[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """16 bits rounded to 8."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


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
