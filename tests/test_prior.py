"""The prior: counted as an independent histogram counts, and fit for training."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import commands
import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from colorflax.color import bins, chart
from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.training import census


def _histogram(rgb: np.ndarray, stride: int) -> np.ndarray:
    """Nearest of all 313 bins, in float64 numpy; rgb uint8 (b, h, w, 3)."""
    ab = rgb2lab(rgb)[..., 1:]
    b, h, w, _ = ab.shape
    ab = ab.reshape(b, h // stride, stride, w // stride, stride, 2).mean((2, 4))
    distance = ((ab[..., None, :] - bins.CENTRES) ** 2).sum(-1)
    return np.bincount(distance.argmin(-1).ravel(), minlength=313)


@pytest.mark.parametrize("stride", [1, 4])
def test_count_is_a_histogram_of_nearest_bins(stride: int) -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (6, 16, 24, 3), np.uint8)
    mask = np.array([True, True, False])
    batches = [{"rgb": rgb[:3]}, {"rgb": rgb[3:], "mask": mask}]
    ours = census.count(iter(batches), stride)
    theirs = _histogram(rgb[:5], stride)
    assert ours.sum() == theirs.sum() == 5 * 16 * 24 // stride**2
    # A colour half-way between two bins may fall either way.
    assert np.abs(ours - theirs).sum() <= 4


def _run(*flags: str) -> subprocess.CompletedProcess[str]:
    return commands.run("colorflax.prior", *flags)


def test_command(photos: str, tmp_path: Path) -> None:
    out, plot = tmp_path / "new" / "prior.npy", tmp_path / "prior.png"
    done = _run(f"--source=folder:{photos}", f"--out={out}", f"--plot={plot}",
                "--size=30", "--stride=2")  # fmt: skip
    assert done.returncode == 0, done.stderr
    prior = census.read(out)
    found = photographs.folder(Path(photos))
    squares = [np.asarray(p.open())[:, 5:35] for p in found]  # the middle
    counts = _histogram(np.stack(squares), 2)
    np.testing.assert_allclose(prior, counts / counts.sum(), atol=3 / counts.sum())
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["photographs"] == "12"
    assert lines["pixels"] == str(12 * 15 * 15)
    assert lines["never"] == f"{(counts == 0).sum()} of 313 bins"
    a, b = bins.CENTRES[counts.argmax()]
    assert f"most frequent  ({a:g}, {b:g}) {100 * prior.max():.2g} %" in done.stdout
    near = np.hypot(*bins.CENTRES.T) < 11
    assert f"near grey      {prior[near].sum():.1%}" in done.stdout
    assert f"--config.objective.prior={out}" in done.stdout
    with Image.open(plot) as picture:
        assert picture.format == "PNG"


def test_samples_draw_some_photographs(photos: str, tmp_path: Path) -> None:
    done = _run(f"--source=folder:{photos}", f"--out={tmp_path / 'p.npy'}",
                "--samples=5", "--size=8")  # fmt: skip
    assert "photographs    5\n" in done.stdout
    assert "pixels         20\n" in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "name photographs"),
        (["--source=photos"], "--source='photos' should be builtin, folder:DIR"),
        (["--source=folder:/nowhere"], "/nowhere: no such folder"),
        (["--source=builtin", "--samples=-1"], "samples"),
    ],
)
def test_bad_commands_end_in_one_line(flags: list[str], message: str) -> None:
    done = _run(*flags)
    assert message in commands.complaint(done)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda file: file.write(b"words"), "not a prior that can be read"),
        (lambda file: None, "not a prior that can be read"),
        (lambda file: np.savez(file, np.ones(313)), "not a prior that can be read"),
        (lambda file: np.save(file, np.ones(313) * 1j), "not a prior that can be read"),
        (lambda file: np.save(file, np.ones(312)), "a prior is 313 shares"),
        (lambda file: np.save(file, np.r_[-1, np.ones(312)]), "none negative"),
        (lambda file: np.save(file, np.r_[np.nan, np.ones(312)]), "none negative"),
        (lambda file: np.save(file, np.r_[np.inf, np.ones(312)]), "add up to inf"),
        (lambda file: np.save(file, np.zeros(313)), "add up to 0"),
    ],
)
def test_files_that_are_no_prior(
    fill: Callable[[BinaryIO], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "prior.npy"
    with path.open("wb") as file:
        fill(file)
    with pytest.raises(UserError, match=f"prior.npy: .*{message}"):
        census.read(path)


def test_counts_are_made_shares(tmp_path: Path) -> None:
    np.save(tmp_path / "counts.npy", np.arange(313))
    expected = np.arange(313) / np.arange(313).sum()
    np.testing.assert_allclose(census.read(tmp_path / "counts.npy"), expected)


def test_chart_shows_each_bin_twice() -> None:
    """A bin's square is where its a and b say: left in its hue, right by its share."""
    shares = np.zeros(313)
    names = bins.CENTRES.tolist()
    common, rare = names.index([60, 40]), names.index([0, 0])
    shares[common], shares[rare] = 0.999, 0.001
    pixels = np.asarray(chart.draw(shares)).astype(int)
    side = 2 * 115 * 18 // 10

    def at(left: int, a: float, b: float) -> np.ndarray:
        x, y = left + (a + 115) * 1.8, 56 + (115 - b) * 1.8
        return pixels[int(y), int(x)]

    red, green, blue = (at(56, *ab) for ab in ((60, 40), (-60, 50), (20, -60)))
    assert np.argmax(red) == 0
    assert np.argmax(green) == 1
    assert np.argmax(blue) == 2
    right = 2 * 56 + side
    assert at(right, 60, 40).sum() > at(right, 0, 0).sum() + 200
    np.testing.assert_array_equal(at(right, -60, 50), 255)
