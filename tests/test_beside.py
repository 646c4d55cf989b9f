"""What is written beside a coloured photograph: in its own place, and of a size."""

import json
from pathlib import Path

import commands
import compiling
import numpy as np
import pytest
import runs
from PIL import Image
from skimage import color as oracle

from colorflax.data.decode import decode
from colorflax.picture import read

ENV = compiling.devices(1)


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("bins"), "classification")


def test_photographs_called_like_it(bins: Path, tmp_path: Path) -> None:
    """All are coloured, each into files of its own, once; the report says which."""
    scans, out, report = (tmp_path / name for name in ("scans", "out", "r.json"))
    scans.mkdir()
    names = ["x.compare.png", "x.confidence.png", "x.png", "x.sample-1.png"]
    for name in names:
        Image.effect_noise((40, 30), 80).save(scans / name)
    words = [
        f"--checkpoint={bins}", f"--out={out}", f"--report={report}", "--samples=1",
        "--compare", "--confidence", scans,
    ]  # fmt: skip
    for status in ("done", "before"):
        done = commands.run("colorflax.colorize", *words, env=ENV)
        assert (done.returncode, done.stderr) == (0, "")
        rows = json.loads(report.read_text())["files"]
        assert [Path(row["source"]).name for row in rows] == names
        assert {row["status"] for row in rows} == {status}
        told = [path for row in rows for path in (row["output"], *row["beside"])]
        assert len(set(told)) == len(told) == 4 * 4
        assert {str(path) for path in out.glob("*.png")} == set(told)
        for row in rows:
            there = (np.asarray(decode(Path(row[x]))) for x in ("output", "source"))
            light = [oracle.rgb2lab(x)[..., 0] for x in there]
            np.testing.assert_allclose(*light, atol=0.7)


def test_a_strangers_file(bins: Path, tmp_path: Path) -> None:
    """Stays; all that belongs together gets a number."""
    photo, out = tmp_path / "old.png", tmp_path / "out"
    Image.effect_noise((40, 30), 80).save(photo)
    out.mkdir()
    (out / "old.sample-2.png").write_text("somebody's notes")
    words = f"--checkpoint={bins}", f"--out={out}", "--samples=2", photo
    for note in ("", " (done before)"):
        done = commands.run("colorflax.colorize", *words, env=ENV)
        assert done.stdout == f"{photo} -> {out / 'old-2.png'}{note}\n"
    assert (out / "old.sample-2.png").read_text() == "somebody's notes"
    assert {path.name for path in out.glob("*.png")} == {
        "old.sample-2.png", "old-2.png", "old-2.sample-1.png", "old-2.sample-2.png"
    }  # fmt: skip


def test_a_report_is_not_taken_for_a_place(bins: Path, tmp_path: Path) -> None:
    photo, out = tmp_path / "a.png", tmp_path / "out"
    Image.effect_noise((40, 30), 80).save(photo)
    words = f"--checkpoint={bins}", f"--out={out}", f"--report={out / 'a.png'}"
    done = commands.run("colorflax.colorize", *words, photo, env=ENV)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((out / "a.png").read_text())["files"]
    assert read(Path(row["output"])).size == (40, 30)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_comparison_that_does_not_fit_is_smaller(
    bins: Path, tmp_path: Path, mode: str
) -> None:
    """A WebP has 16,383 px a side; 8,192 twice are one more."""
    photo, out = tmp_path / "a.png", tmp_path / "out"
    Image.new(mode, (8192, 24), 120 if mode == "L" else (120, 200)).save(photo)
    words = f"--checkpoint={bins}", f"--out={out}", "--compare", "--format=webp", photo
    done = commands.run("colorflax.colorize", *words, env=ENV)
    assert done.returncode == 0
    line = f"{photo}: is wide; its comparison is scaled down to 16383 px"
    assert done.stderr == f"colorflax: {line}\n"
    whole, both = (read(out / f"a{x}.webp") for x in ("", ".compare"))
    assert (whole.size, both.size) == ((8192, 24), (16382, 24))
    assert (both.alpha is None) == (mode == "L")
    spread = np.ptp(both.pixels.astype(int), axis=-1)
    assert spread[:, :8191].max() <= 2  # grey
    assert spread[:, 8191:].mean() > 5
