"""A photograph for the page, a wish, and what the command makes of the two."""

from pathlib import Path

import commands
from PIL import Image

from colorflax.control.order import Wish
from colorflax.data.photographs import builtin

WISH = Wish(temperature=0.5, saturation=1.25, tau=0.5, samples=2)
NAMES = ["old photo.png", *(f"old photo.{x}.png" for x in
         ("sample-1", "sample-2", "confidence"))]  # fmt: skip


def photograph(folder: Path) -> Path:
    """Grey, a JPEG with EXIF, larger than what is shown of it."""
    path = folder / "old photo.jpg"
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    image = builtin()[0].open().convert("L").resize((1060, 220))
    image.save(path, exif=exif)
    return path


def lender(folder: Path) -> Path:
    """A photograph with colours."""
    path = folder / "lender.png"
    builtin()[1].open(60).save(path)
    return path


def colored(run: Path, photo: Path, out: Path, wish: Wish = WISH) -> dict[str, bytes]:
    """What the command makes of it, with that wish and a confidence map."""
    flags = [f"--{name}={getattr(wish, name)}" for name in
             ("temperature", "saturation", "tau", "samples")]  # fmt: skip
    flags += [f"--hint={hint.x},{hint.y},{hint.colour}" for hint in wish.hints]
    if wish.reference:
        flags += [f"--reference={wish.reference}", f"--likeness={wish.likeness}"]
    if wish.palette:
        flags += [f"--palette={','.join(wish.palette)}", f"--likeness={wish.likeness}"]
    done = commands.run(
        "colorflax.colorize", f"--checkpoint={run}", f"--out={out}", "--confidence",
        *flags, photo,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {name: (out / name).read_bytes() for name in NAMES}
