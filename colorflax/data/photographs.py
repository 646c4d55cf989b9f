"""Sources: a name in the config becomes a list of photographs, split by content."""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Literal

from colorflax import config, files
from colorflax.data import index
from colorflax.errors import UserError

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .png .webp .tif .tiff .bmp .gif".split()  # noqa: SIM905
)
_BUILTIN = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
)


@dataclasses.dataclass(frozen=True, order=True)
class Photograph:
    """One file, known by what it holds."""

    sha256: str
    path: Path
    stamp: str = dataclasses.field(compare=False)  # of `index.need_same`


def find(
    settings: config.Data, split: Literal["train", "validation"]
) -> list[Photograph]:
    """The photographs of a split, ordered by content, each content once.

    `builtin` is a memory exercise: both splits are the same few photographs. A folder
    is divided by a hash of each file's bytes, so no photograph changes sides when
    files are added, renamed or moved.
    """
    if settings.source == "builtin":
        return builtin()
    root = Path(settings.source.removeprefix("folder:"))
    found = folder(root, settings.max_bad_percent)
    percent = settings.validation_percent
    chosen = [p for p in found if (_place(p) < percent) == (split == "validation")]
    if not chosen and (split == "train" or percent > 0):
        raise UserError(
            f"{settings.source}: {len(found)} photographs leave none for {split}; add "
            f"more, or change --config.data.validation_percent={percent:g}"
        )
    return chosen


def builtin() -> list[Photograph]:
    """The colour photographs inside scikit-image's package."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise UserError("the built-in photographs need scikit-image: pip install it")
    root = Path(spec.origin).parent / "data"
    return _checked([root / name for name in _BUILTIN], str(root), max_bad_percent=0.0)


def folder(root: Path, max_bad_percent: float = 100.0) -> list[Photograph]:
    """Every readable photograph below `root`, hidden folders left out.

    Raises:
        UserError: no folder, no photograph, or more than `max_bad_percent` bad files.
    """
    if not root.is_dir():
        raise UserError(f"{files.shown(root)}: no such folder")
    return _checked(list_files(root), str(root), max_bad_percent)


def list_files(root: Path) -> list[Path]:
    """Files below `root` that are named like pictures, hidden ones left out."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and not path.is_dir()  # what is no file either is reported, not passed over
    )


def _checked(
    paths: list[Path], where: str, max_bad_percent: float = 100.0
) -> list[Photograph]:
    unique: dict[str, Photograph] = {}
    for entry in index.read(paths, where, max_bad_percent):
        if entry.error is None:
            photo = Photograph(entry.sha256, entry.path, entry.stamp)
            unique.setdefault(entry.sha256, photo)
    if not unique:
        looked = ", ".join(sorted(SUFFIXES))
        raise UserError(
            f"{files.shown(where)}: no photograph found (looked for {looked})"
        )
    return sorted(unique.values())


def _place(photograph: Photograph) -> float:
    """A fixed place of this content in [0, 100)."""
    return int(photograph.sha256[:12], 16) / 16**12 * 100
