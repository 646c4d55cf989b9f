"""What comes with a picture's pixels and stays true when they are coloured."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from PIL import Image

# Those of the first directory that describe the photograph. In a TIFF the others say
# how its pixels are stored, and orientation is 1 from now on.
_KEPT = (
    0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0132, 0x013B, 0x013C, 0x8298, 0x4746,
    0x4749, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
)  # fmt: skip
_EXIF, _GPS, _INTEROP = 0x8769, 0x8825, 0xA005
_COLOR_SPACE, _WIDTH, _HEIGHT, _MAKER_NOTE = 0xA001, 0xA002, 0xA003, 0x927C
_XMP_TAG = 700
_XMP_TEXT = "XML:com.adobe.xmp"

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Empty, where there is none or where it is damaged.

    Attributes:
        format: as Pillow calls it: PNG, TIFF, JPEG ...
        exif: a block of EXIF without orientation and thumbnail.
        xmp: a packet of XMP.
        dpi: pixels per inch, across and down.
        text: the texts of a PNG.
    """

    format: str = ""
    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = dataclasses.field(default_factory=dict)


def of(image: Image.Image, turned: bool) -> Metadata:
    """That of a picture which Pillow has loaded.

    Args:
        image: as loaded.
        turned: its width and height change places.
    """
    dpi = _or(None, lambda: _dpi(image))
    return Metadata(
        format=image.format or "",
        exif=_or(b"", lambda: _exif(image, turned)),
        xmp=_or(b"", lambda: _xmp(image)),
        dpi=dpi[::-1] if dpi and turned else dpi,
        text=_or({}, lambda: _text(image)),
    )


def _or(instead: T, get: Callable[[], T]) -> T:
    try:
        return get()
    except Exception:  # metadata may be of any length, type and content
        return instead


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    across, down = (float(x) for x in image.info["dpi"])
    # JPEG's 1 and TIFF's absence of a unit mean that nobody said anything.
    return (across, down) if min(across, down) > 1 else None


def _exif(image: Image.Image, turned: bool) -> bytes:
    found = image.getexif()
    kept = Image.Exif()
    for tag in _KEPT:
        if tag in found:
            kept[tag] = raw(found[tag])
    if camera := dict(found.get_ifd(_EXIF)):
        camera.pop(_INTEROP, None)
        camera.pop(_MAKER_NOTE, None)  # its offsets point into the original file
        if _COLOR_SPACE in camera:
            camera[_COLOR_SPACE] = 1  # sRGB
        if turned and _WIDTH in camera and _HEIGHT in camera:
            camera[_WIDTH], camera[_HEIGHT] = camera[_HEIGHT], camera[_WIDTH]
        kept[_EXIF] = {tag: raw(value) for tag, value in camera.items()}
    if place := dict(found.get_ifd(_GPS)):
        kept[_GPS] = place
    return kept.tobytes() if len(kept) else b""


def raw(value: Any) -> Any:
    """Texts as the bytes they were: EXIF knows ASCII, people write UTF-8.

    Those that are ASCII stay texts, for Pillow takes bytes to be of no known type.
    """
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1", "replace")
    return value


def _xmp(image: Image.Image) -> bytes:
    packet: Any = image.info.get("xmp") or image.info.get(_XMP_TEXT)
    if packet is None and image.format == "TIFF":
        packet = image.getexif().get(_XMP_TAG)
    if isinstance(packet, str):
        packet = packet.encode()
    return bytes(packet or b"").rstrip(b"\0")


def _text(image: Image.Image) -> dict[str, str]:
    texts: Mapping[Any, Any] = getattr(image, "text", {})
    ours = ("Software", _XMP_TEXT)
    return {
        str(key): str(value)
        for key, value in texts.items()
        if key not in ours and not key.startswith("Raw profile")
    }
