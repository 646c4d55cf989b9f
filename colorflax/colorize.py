"""Colour photographs: python -m colorflax.colorize --checkpoint=RUN PHOTO..."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags
from PIL import Image

from colorflax import cli, files, predict
from colorflax.data.decode import decode
from colorflax.data.photographs import SUFFIXES, list_files
from colorflax.errors import UserError

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", "runs/fusion", "folder of a run, or one checkpoint in it"
)
_OUT = flags.DEFINE_string("out", "colored", "folder for the coloured pictures (PNG)")
_SIZE = flags.DEFINE_integer(
    "size", None, "px, the short side the network sees; as in training if not given"
)


def main(argv: Sequence[str]) -> int:
    """Colour every photograph named; 1 if any of them could not be."""
    if len(argv) < 2:
        raise UserError("name at least one photograph or folder")
    if _SIZE.value is not None and _SIZE.value < 16:
        raise UserError(f"--size={_SIZE.value} is too small; take at least 16")
    out = Path(_OUT.value)
    _need_writable(out)
    colorizer = predict.load(_CHECKPOINT.value, _SIZE.value)
    failed = 0
    for source, target in _plan([Path(name) for name in argv[1:]], out):
        try:
            if isinstance(target, UserError):
                raise target
            files.write(target, _png(colorizer, source))
            print(f"{files.shown(source)} -> {files.shown(target)}")
        except UserError as error:
            cli.complain(error)
            failed += 1
        except OSError as error:
            cli.complain(f"{target}: cannot be written ({error.strerror or error})")
            failed += 1
    return 1 if failed else 0


def _png(colorizer: predict.Colorizer, source: Path) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(colorizer(decode(source)))
    picture.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _plan(names: list[Path], out: Path) -> Iterator[tuple[Path, Path | UserError]]:
    """Each photograph with the file it becomes; folders keep their tree below `out`."""
    taken: set[Path] = set()
    for name in names:
        found = [name]
        if name.is_dir():
            found = list_files(name)
            if not found:
                looked = ", ".join(sorted(SUFFIXES))
                yield name, UserError(f"{name}: no photograph in it ({looked})")
        for source in found:
            inside = source.relative_to(name) if name.is_dir() else Path(source.name)
            target = out / inside.with_suffix(".png")
            if target in taken:  # a.jpg beside a.png
                target = out / inside.with_name(inside.name + ".png")
            if target in taken:
                yield source, UserError(f"{source}: {target} is taken by another one")
                continue
            taken.add(target)
            yield source, target


def _need_writable(out: Path) -> None:
    try:
        files.write(out / ".colorflax", b"")
        (out / ".colorflax").unlink()
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror}); name another --out"
        ) from None


if __name__ == "__main__":
    cli.run(main)
