"""The checkpoint that comes with colorflax: there, small, and better than grey."""

import fnmatch
import tomllib
from pathlib import Path

import numpy as np

import colorflax
from colorflax import checkpoint, color, exported
from colorflax.data import photographs
from colorflax.pretrained import shipped

PACKAGE = Path(colorflax.__file__).parent


def test_it_is_small_and_part_of_the_package() -> None:
    kept = shipped.FOLDER / "checkpoints"  # beside it others open them meanwhile
    files = {path for path in kept.rglob("*") if path.is_file()}
    assert 1e6 < exported.size(kept) <= 16e6
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": [PACKAGE.name]}  # all of it but what git ignores
    ignored = (PACKAGE.parent / ".gitignore").read_text().split()
    for path in files:
        names = path.relative_to(PACKAGE.parent).parts
        for pattern in ignored:
            assert not fnmatch.filter(names, pattern.rstrip("/"))


def test_its_card_says_which_it_is_and_on_what_terms() -> None:
    card = (shipped.FOLDER / "README.md").read_text()
    assert checkpoint.digest(shipped.load(None).variables) in card
    assert "## Licence" in card


def test_it_says_nothing_of_where_it_was_made() -> None:
    """Neither in the notes of Orbax nor in the config that trained it."""
    notes = list(shipped.FOLDER.rglob("commit_success.txt"))
    assert notes
    assert not any(note.read_bytes() for note in notes)
    about = shipped.load(None).about
    parts = [about["init_from"], *about["mean_of"]]
    for name in (about["config"]["data"]["source"], *(part["name"] for part in parts)):
        assert "/" not in name


def test_it_colours_photographs_it_has_never_seen() -> None:
    """The built-in ones, with no checkpoint named: nearer to the truth than grey is."""
    colorizer = colorflax.load()
    mean = {"temperature": 1.0, "tau": 0.0, "saturation": 1 / colorizer.objective.gain}
    ours, grey = [], []
    for photo in photographs.builtin():
        rgb = np.asarray(photo.open(128))
        ab, truth = (_ab(x) for x in (colorizer(rgb, **mean), rgb))
        ours.append(np.square(ab - truth).mean())
        grey.append(np.square(truth).mean())
    assert np.mean(ours) < 0.9 * np.mean(grey)


def _ab(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(color.rgb_to_lab(rgb))[..., 1:]
