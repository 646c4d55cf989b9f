"""A file becomes a picture of Pillow, or a line that says why not."""

import contextlib
import dataclasses
import io
import os
import re
import stat
from collections.abc import Iterator, Mapping
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
_KIND_OF_PAGE, _SUB_PAGES, _BITS, _COMPRESSION = 254, 330, 258, 259
_SAMPLES, _PLANES, _EXTRA = 277, 284, 338


@dataclasses.dataclass(frozen=True)
class Source:
    """A picture file that Pillow knows, or one that was made of what it does not.

    Attributes:
        picture: where it is, or its content.
        formats: one of them it has.
        pages: how many it has, if that is known before they are looked for.
    """

    picture: Path | bytes
    formats: list[str]
    pages: int | None = None

    def open(self) -> ImageFile.ImageFile:
        """The picture, not loaded yet."""
        file = io.BytesIO(x) if isinstance(x := self.picture, bytes) else x
        image = Image.open(file, formats=self.formats)
        # A file that Pillow knows the name of it maps into memory, by the sides that a
        # TIFF has after it was turned.
        image.filename = ""
        # And it looks for an orientation in XMP, whose tag may be of any type.
        if not isinstance(xmp := image.info.get("xmp", b""), bytes):
            image.info["xmp"] = xmp.encode() if isinstance(xmp, str) else b""
        return image


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
    with found(picture, name) as (_, image):
        yield image


@contextlib.contextmanager
def found(
    picture: Path | bytes, name: str | None = None
) -> Iterator[tuple[Source, ImageFile.ImageFile]]:
    """The same for who opens it more than once."""
    with _in_a_line(picture, name):
        source, image = _known(picture)
        with image:
            yield source, image


def size(picture: Path | bytes, name: str | None = None) -> tuple[int, int]:
    """Width and height in px, as they are stored, before anything else is read."""
    with _in_a_line(picture, name):
        try:
            with Source(picture, _FORMATS).open() as image:
                return image.size
        except Image.UnidentifiedImageError:
            if _kind(picture) == "TIFF":
                return scans.size(picture)
            _, image = _known(picture)
            with image:
                return image.size


@contextlib.contextmanager
def _in_a_line(picture: Path | bytes, name: str | None) -> Iterator[None]:
    """Whatever goes wrong with a picture, as a `UserError`."""
    name = name or ("a picture" if isinstance(picture, bytes) else str(picture))
    try:
        if isinstance(picture, Path):
            need_file(picture)
        with quiet():
            yield
    except UserError:
        raise
    # A decoder that is fed damaged bytes raises anything, MemoryError included.
    except Exception as error:
        raise UserError(f"{shown(name)}: {_reason(error, picture)}") from None


def _known(picture: Path | bytes) -> tuple[Source, ImageFile.ImageFile]:
    """What Pillow knows: the picture, or what is made of it; and that open."""
    source, compressed = Source(picture, _FORMATS), False
    try:
        with contextlib.ExitStack() as stack:
            image = stack.enter_context(source.open())
            tags = getattr(image, "tag_v2", {})
            compressed = tags.get(_COMPRESSION, 1) != 1
            if _is_preview(tags):
                raise scans.PreviewError
            if not _in_odd_planes(tags):
                stack.pop_all()
                return source, image
    except Image.UnidentifiedImageError:
        kind = _kind(picture)
        if kind == "HEIF":
            import pillow_heif

            pillow_heif.register_heif_opener()
            source = Source(picture, ["HEIF"])
            return source, source.open()
        if kind != "TIFF":
            raise
    try:
        made = scans.rewritten(picture)
        source = Source(made.content, ["TIFF"], made.pages)
    except scans.NotReadError:
        if not compressed:
            raise
        # And so Pillow keeps 8 bits of 16.
    return source, source.open()


def _in_odd_planes(tags: Mapping[int, Any]) -> bool:
    """Whether a plane of a TIFF is not 8 bits of a colour, which is what Pillow takes
    each for."""
    planes = tags.get(_PLANES, 1) == 2 and tags.get(_SAMPLES, 1) > 1
    return planes and (tags.get(_BITS, (8,))[0] == 16 or _EXTRA in tags)


def _is_preview(tags: Mapping[int, Any]) -> bool:
    """Whether the first page of a TIFF is there to be looked at before the others."""
    try:
        small = bool(int(tags.get(_KIND_OF_PAGE, 0)) & 1)
        return small and (_SUB_PAGES in tags or bool(getattr(tags, "next", 0)))
    except Exception:  # of any length, type and content
        return False


def _kind(picture: Path | bytes) -> str | None:
    """What of that is read in another way than by Pillow alone, by how it begins."""
    begin = _begin(picture)
    if HEIF and re.match(_HEIC, begin, re.DOTALL):
        return "HEIF"
    return "TIFF" if _BEGIN_OF_TIFF.match(begin) and not _other(begin) else None


def need_file(path: Path) -> None:
    """Raise `UserError` unless it is a file.

    Opening a pipe would wait for ever, and a device may never end.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise UserError(f"{shown(path)}: a folder, not a photograph")
    if not stat.S_ISREG(mode):
        raise UserError(f"{shown(path)}: a pipe, socket or device, not a photograph")


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


def _reason(error: Exception, picture: Path | bytes) -> str:
    match error:
        case Image.UnidentifiedImageError():
            return _other(_begin(picture)) or "not a picture that can be read"
        case scans.PreviewError():
            words = "begins with a small preview, as a camera's raw file does"
            return f"{words}; {_INSTEAD}"
        case scans.NotReadError():
            return f"a TIFF of {error}; {_INSTEAD}"
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
