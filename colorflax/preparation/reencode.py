"""A photograph becomes the few kilobytes of JPEG that training reads."""

import dataclasses
import hashlib
import io
from pathlib import Path

from PIL import Image, ImageOps

from colorflax.data.decode import decode
from colorflax.errors import UserError
from colorflax.preparation.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """The form in which photographs are kept."""

    fit: str = option(
        "short_side",
        "short_side keeps the shape, for random crops; pad fills up a white square, "
        "which shows a network whole photographs",
        choices=("short_side", "pad"),
    )
    short_side: int = option(
        256, "px; longer short sides are shrunk to it, shorter ones stay", 16, 4096
    )
    size: int = option(299, "px, the side of the white square of --fit=pad", 16, 4096)
    quality: int = option(
        90, "of JPEG; colour is kept at full resolution (4:4:4)", 1, 100
    )

    @property
    def side(self) -> int:
        """px, the short side that is needed of the decoded photograph."""
        return self.size if self.fit == "pad" else self.short_side


def load(path: Path, sha256: str, side: int) -> tuple[bytes, Image.Image]:
    """The bytes of a file and what they show, at `side` px or more.

    Raises:
        UserError: the file is not what it was when it was measured.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: gone since the audit ({error.strerror}); put it back and run the "
            "same command again, or begin anew in another --out"
        ) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{path}: changed since the audit; put the old file back and run the same "
            "command again, or begin anew in another --out"
        )
    return content, decode(content, 2 * side, str(path))


def encode(content: bytes, image: Image.Image, form: Format) -> bytes:
    """The JPEG to keep: the original bytes where nothing is gained by others.

    Args:
        content: the original file.
        image: what it shows, decoded by `load`.
        form: what to make of it.
    """
    small = image
    if form.fit == "pad":
        if image.size != (form.size, form.size):
            square = (form.size, form.size)
            bicubic = Image.Resampling.BICUBIC
            small = ImageOps.pad(image, square, bicubic, color="white")
    elif min(image.size) > form.short_side:
        scale = form.short_side / min(image.size)
        w, h = (max(form.short_side, round(side * scale)) for side in image.size)
        small = image.resize((w, h), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    bare = Image.frombytes("RGB", small.size, small.tobytes())  # without any metadata
    bare.save(buffer, "JPEG", quality=form.quality, subsampling=0, optimize=True)
    encoded = buffer.getvalue()
    as_it_was = small is image and _is_plain(content, image.size)
    return content if as_it_was and len(content) <= len(encoded) else encoded


def _is_plain(content: bytes, size: tuple[int, int]) -> bool:
    """Whether a file is an RGB JPEG of this size and nothing else, metadata included.

    Also without a place or an owner that whoever shares the records did not mean to.
    """
    with Image.open(io.BytesIO(content)) as original:
        return (
            original.format == "JPEG"
            and original.mode == "RGB"
            and original.size == size
            and not {"exif", "icc_profile", "xmp", "photoshop", "mp"}
            & set(original.info)
        )
