"""What shows a checkpoint to readers: a sheet of photographs, a curve of tau."""

import json
from pathlib import Path

import commands
import numpy as np
import pytest
import runs
from PIL import Image

from launch import curve

SIDE, GAP = 32, 4  # px


@pytest.fixture(scope="module")
def vivid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random numbers."""
    return runs.untrained(tmp_path_factory.mktemp("vivid"), "classification")


def _gallery(run: Path, photos: str, out: Path, *arguments: str) -> list[str]:
    done = commands.run(
        "launch.gallery", f"--checkpoint={run}", f"--photos=folder:{photos}",
        f"--out={out}", f"--side={SIDE}", *arguments, env=runs.ENV,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _errors(lines: list[str]) -> dict[str, float]:
    """MSE by name, in the order of the sheet."""
    said = [line.split(": MSE ") for line in lines[:-1]]
    return {name: float(rest.split()[0]) for name, rest in said}


def test_drawn_by_a_seed_or_the_worst(vivid: Path, photos: str, tmp_path: Path) -> None:
    everything = _errors(_gallery(vivid, photos, tmp_path / "0.jpg", "--count=12"))
    assert len(everything) == 12
    lines = _gallery(vivid, photos, tmp_path / "1.jpg", "--count=3", "--worst")
    assert lines[-1] == f"3 of 12, row by row: {tmp_path / '1.jpg'}"
    hardest = sorted(everything.items(), key=lambda item: -item[1])[:3]
    assert list(_errors(lines).items()) == hardest
    drawn = _errors(_gallery(vivid, photos, tmp_path / "2.jpg", "--count=3"))
    assert list(drawn.items()) == list(everything.items())[:3]
    other = _gallery(vivid, photos, tmp_path / "3.jpg", "--count=3", "--seed=1")
    assert _errors(other).keys() != drawn.keys()


def test_a_broken_file_is_named_and_left_out(
    vivid: Path, photos: str, tmp_path: Path
) -> None:
    """However few the others are: there is no config here to allow it in."""
    (tmp_path / "good.png").write_bytes((Path(photos) / "0.png").read_bytes())
    (tmp_path / "broken.jpg").write_text("no picture")
    done = commands.run(
        "launch.gallery", f"--checkpoint={vivid}", f"--photos=folder:{tmp_path}",
        f"--out={tmp_path / 'sheet.jpg'}", env=runs.ENV,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 of 1, row by row" in done.stdout
    assert f"{tmp_path / 'broken.jpg'}: not a picture" in done.stderr


def test_grey_coloured_and_truth(vivid: Path, tmp_path: Path) -> None:
    """Side by side, one photograph in a row."""
    rgb = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    truth = np.kron(rgb, np.ones((8, 8, 1), np.uint8))  # as large as it is shown
    Image.fromarray(truth).save(tmp_path / "0.png")
    lines = _gallery(vivid, str(tmp_path), tmp_path / "one.jpg", "--columns=1")
    assert list(_errors(lines)) == [str(tmp_path / "0.png")]
    with Image.open(tmp_path / "one.jpg") as image:
        sheet = np.asarray(image).astype(float)
    assert sheet.shape == (SIDE + GAP, 3 * (SIDE + GAP), 3)
    top = (SIDE - len(truth)) // 2
    grey, made, shown = (
        sheet[top : top + len(truth), x : x + SIDE]
        for x in range(0, 3 * (SIDE + GAP), SIDE + GAP)
    )
    assert np.ptp(grey, axis=-1).mean() < 5  # JPEG
    assert np.ptp(made, axis=-1).mean() > 20
    assert np.abs(shown - truth).mean() < 15 < np.abs(made - truth).mean()


def test_a_curve_has_a_dot_for_each_row(tmp_path: Path) -> None:
    """Baselines and differences are not on it; what evaluate names them is not."""
    lively = {"T=0.5": (33.0, 0.016, 0.5), "T=1": (20.0, 0.013, 0.6)}
    others = ("grey", "mean", "random", "model", "T=1 - grey")
    rows = lively | dict.fromkeys(others, (0.0, 0.018, 0.0))
    scores = {
        name: {
            "colourfulness": {"value": x}, "mse": {"value": y}, "hue": {"value": z},
            "true_colourfulness": {"value": 42.0},
        }
        for name, (x, y, z) in rows.items()
    }  # fmt: skip
    path = tmp_path / "tau.json"
    path.write_text(json.dumps({"scores": scores}))
    curves, truth = curve.lines([path])
    assert truth == 42.0
    (found,) = curves.values()
    assert found.names == ["T=1", "T=0.5"]
    np.testing.assert_array_equal(found.colourfulness, [20.0, 33.0])
    np.testing.assert_array_equal(found.error, [0.013, 0.016])
    np.testing.assert_array_equal(found.hue, [0.6, 0.5])
    out = tmp_path / "curve.png"
    done = commands.run("launch.curve", path, f"--out={out}", env=runs.ENV)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    with Image.open(out) as image:
        assert image.width > 500


def test_no_photograph_and_no_scores(vivid: Path, photos: str, tmp_path: Path) -> None:
    done = commands.run(
        "launch.gallery", f"--checkpoint={vivid}", f"--photos=folder:{photos}",
        "--names=dog*", env=runs.ENV,
    )  # fmt: skip
    said = commands.complaint(done)
    assert said == "colorflax: --names=dog* fits none of 12 photographs"
    (tmp_path / "other.json").write_text("{}")
    done = commands.run("launch.curve", tmp_path / "other.json", env=runs.ENV)
    assert "other.json: not a file that evaluate --out wrote" in commands.complaint(
        done
    )
