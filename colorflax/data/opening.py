"""A file becomes a picture of Pillow, or a line that says why not."""

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile, features

from colorflax.data import scans
from colorflax.data.quiet import quiet
from colorflax.disk.files import shown
from colorflax.errors import UserError

# Others that Pillow knows run programs (EPS), or hold fonts, films and thumbnails.
_FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "DIB", "JPEG2000", "PPM"]
_FORMATS += ["AVIF"] if features.check("avif") else []
HEIF = find_spec("pillow_heif") is not None
"""Whether HEIC is read. The package is an extra: libraries in it are under the GPL."""

_INSTEAD = "save it as TIFF, PNG or JPEG first"
_HEIC = rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)"
# What is asked of us and is none of these, by how it begins.
_OTHERS = (
    (
        _HEIC,
        "a damaged HEIC"
        if HEIF
        else f"HEIC; install pillow-heif to have it read, or {_INSTEAD}",
    ),
    (
        rb".{4}ftypavi[fs]",
        f"a damaged picture, or AVIF without a Pillow that reads it; {_INSTEAD}",
    ),
    (
        rb".{4}ftyp(crx )|II\*\0.{4}CR|FUJIFILM|IIU\0|IIRO",
        f"a camera's raw file; {_INSTEAD}",
    ),
    (
        rb".{4}(ftyp|moov)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |0&\xb2u|\0\0\1\xba",
        "a film, not a photograph; python -m colorflax.video colours it",
    ),
    (rb"%PDF", f"a PDF, not a photograph; {_INSTEAD}"),
    (rb"8BPS", f"a Photoshop file, which is not read; {_INSTEAD}"),
)
_BEGIN_OF_TIFF = re.compile(rb"II[*+]\0|MM\0[*+]")
# Tags of a TIFF.
_KIND_OF_PAGE, _SUB_PAGES = 254, 330
_BITS, _COMPRESSION = 258, 259


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
    name = name or ("a picture" if isinstance(picture, bytes) else str(picture))
    try:
        if isinstance(picture, Path):
            need_file(picture)
        with quiet(), of_pillow(picture) as image:
            if _is_preview(image):
                raise UserError(
                    f"{shown(name)}: begins with a small preview, as a camera's raw "
                    f"file does; {_INSTEAD}"
                )
            yield image
    except UserError:
        raise
    except Image.UnidentifiedImageError:
        what = _other(_begin(picture)) or "not a picture that can be read"
        raise UserError(f"{shown(name)}: {what}") from None
    except scans.NotReadError as error:
        raise UserError(
            f"{shown(name)}: a TIFF of {error}, which is not read; {_INSTEAD}"
        ) from None
    # A decoder that is fed damaged bytes raises anything, MemoryError included.
    except Exception as error:
        raise UserError(f"{shown(name)}: {_reason(error)}") from None


def of_pillow(picture: Path | bytes) -> ImageFile.ImageFile:
    """A picture that is not loaded yet; a TIFF as one that Pillow knows."""
    image = _identified(picture)
    # A file that Pillow knows the name of it maps into memory, by the sides that a TIFF
    # has after it was turned.
    image.filename = ""
    return image


def _identified(picture: Path | bytes) -> ImageFile.ImageFile:
    file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    try:
        image = Image.open(file, formats=_FORMATS)
    except Image.UnidentifiedImageError:
        begin = _begin(picture)
        if HEIF and re.match(_HEIC, begin, re.DOTALL):
            return _heic(file)
        if not _BEGIN_OF_TIFF.match(begin) or _other(begin):
            raise
    else:
        if not _in_odd_planes(image):
            return image
        image.close()
    return Image.open(scans.rewritten(picture), formats=["TIFF"])


def _heic(file: Path | io.BytesIO) -> ImageFile.ImageFile:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return Image.open(file, formats=["HEIF"])


def _in_odd_planes(image: ImageFile.ImageFile) -> bool:
    """Of 16 bits, of which Pillow takes each byte for a pixel, or beyond alpha."""
    found: list[Any] = [tile.args for tile in image.tile]
    raw = {str(args[0] if isinstance(args, tuple) else args) for args in found}
    tags: Any = getattr(image, "tag_v2", {})
    sixteen = tags.get(_BITS, (8,))[0] == 16 and tags.get(_COMPRESSION, 1) == 1
    return bool(raw & {"X", ";"}) or (sixteen and bool(raw) and raw <= set("RGBA"))


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


def _begin(picture: Path | bytes) -> bytes:
    if isinstance(picture, bytes):
        return picture[:16]
    try:
        with picture.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""


def _other(begin: bytes) -> str | None:
    for pattern, what in _OTHERS:
        if re.match(pattern, begin, re.DOTALL):
            return what
    return None


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
