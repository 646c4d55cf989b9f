"""Colour photographs: python -m colorflax.colorize --checkpoint=RUN PHOTO..."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags
from PIL import Image, PngImagePlugin

from colorflax import __version__, cli, files, predict
from colorflax.data.decode import decode
from colorflax.data.photographs import SUFFIXES, list_files
from colorflax.errors import UserError

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "runs/fusion", "folder of a run, or one checkpoint in it"
)
_OUT = flags.DEFINE_string("out", "colored", "folder for the coloured pictures (PNG)")
_SIZE = flags.DEFINE_integer(
    "size", None, "px, the short side the network sees; that of training if not given"
)
_SAMPLES = flags.DEFINE_integer(
    "samples", 0, "other plausible colourings written as well, the likeliest first", 0
)
_SEED = flags.DEFINE_integer("seed", 0, "of --samples", 0, 2**32 - 1)
_CONFIDENCE = flags.DEFINE_boolean(
    "confidence", False, "also write how sure the network is: white where it is"
)


def main(argv: Sequence[str]) -> int:
    """Colour every photograph named; 1 if any of them could not be."""
    if len(argv) < 2:
        raise UserError("name at least one photograph or folder")
    if _SIZE.value is not None and _SIZE.value < 16:
        raise UserError(f"--size={_SIZE.value} is too small; take at least 16")
    out = files.local(_OUT.value)
    _need_writable(out)
    colorizer = predict.load(files.local(_CHECKPOINT.value), _SIZE.value)
    failed = 0
    for source, target in _plan([files.local(name) for name in argv[1:]], out):
        try:
            if isinstance(target, UserError):
                raise target
            _colour(colorizer, source, target)
        except UserError as error:
            cli.complain(error)
            failed += 1
        else:
            print(f"{files.shown(source)} -> {files.shown(target)}")
    return 1 if failed else 0


def _colour(colorizer: predict.Colorizer, source: Path, target: Path) -> None:
    """The coloured picture, and beside it what was asked for in addition."""
    image = decode(source)
    if _CONFIDENCE.value:
        grey = np.round(255 * colorizer.confidence(image)).astype(np.uint8)
        _write(_beside(target, "confidence"), _png(grey))
    if _SAMPLES.value:
        drawn = colorizer.samples(image, _SAMPLES.value, _SEED.value)
        for i, picture in enumerate(drawn, start=1):
            _write(_beside(target, f"sample-{i}"), _png(picture))
    # Last, so that where it is nothing is missing.
    _write(target, _png(colorizer(image)))


def _beside(target: Path, what: str) -> Path:
    path = target.with_suffix(f".{what}.png")
    if _foreign(path):
        raise UserError(f"{path}: is not written over; move it or take another --out")
    return path


def _write(target: Path, content: bytes) -> None:
    try:
        files.write(target, content)
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})"
        ) from None


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", f"colorflax {__version__}")
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3, pnginfo=text)
    return buffer.getvalue()


def _plan(names: list[Path], out: Path) -> list[tuple[Path, Path | UserError]]:
    """Each photograph once, with the file it becomes, or why it cannot.

    Folders keep their tree below `out`. Nothing is written over but what colorflax
    wrote: a name that is taken gets a number.
    """
    inputs: list[tuple[Path, Path | UserError]] = []  # and its place below `out`
    for name in names:
        if not name.is_dir():
            inputs.append((name, Path(name.name)))
            continue
        ours = out.resolve()  # what an earlier run left inside the folder
        found = [x for x in list_files(name) if ours not in x.resolve().parents]
        if ours == name.resolve():
            problem = f"{name}: --out is this folder itself; name another"
            inputs.append((name, UserError(problem)))
            continue
        if not found:
            looked = ", ".join(sorted(SUFFIXES))
            inputs.append((name, UserError(f"{name}: no photograph in it ({looked})")))
        inputs += [(source, source.relative_to(name)) for source in found]
    # Compared without case: some disks do not tell A.png from a.png.
    taken = {str(source.resolve()).casefold() for source, _ in inputs}
    planned: dict[Path, tuple[Path, Path | UserError]] = {}
    for source, place in inputs:
        if source.resolve() in planned:
            continue
        if isinstance(place, Path):
            target = place = out / place.with_suffix(".png")
            number = 2
            while str(place.resolve()).casefold() in taken or _foreign(place):
                place = target.with_name(f"{target.stem}-{number}.png")
                number += 1
            taken.add(str(place.resolve()).casefold())
        planned[source.resolve()] = source, place
    return list(planned.values())


def _foreign(target: Path) -> bool:
    """Whether a file is there that colorflax did not write."""
    if not target.exists():
        return False
    try:
        with Image.open(target) as image:
            return not str(image.info.get("Software")).startswith("colorflax")
    except OSError:
        return True


def _need_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror}); name another --out"
        ) from None


if __name__ == "__main__":
    cli.run(main)
