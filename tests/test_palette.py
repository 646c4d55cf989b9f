"""Colours of a palette: of each as much as the network said of what is near to it."""

from pathlib import Path

import commands
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from scipy import special
from skimage import color as oracle
from sklearn.cluster import KMeans

import colorflax
from colorflax.color import bins
from colorflax.control import reference
from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.picture import read

COLOURS = ("#c8a878", "navy", "olive")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"), "classification")


def test_each_colour_is_the_bins_around_it() -> None:
    rgb = np.array([[200, 168, 120], [0, 0, 128], [128, 128, 0]], np.uint8)
    rows = np.asarray(reference.palette(COLOURS))
    for row, ab in zip(rows, oracle.rgb2lab(rgb)[:, 1:], strict=True):
        near = np.sum((bins.CENTRES - ab) ** 2, axis=1)
        five = np.argsort(near)[:5]
        weights = np.exp(-near[five] / 50)
        expected = np.zeros(313)
        expected[five] = weights / weights.sum()
        np.testing.assert_allclose(row, expected, atol=1e-3)


@pytest.mark.parametrize("likeness", [0.3, 1.0])
def test_the_shares_are_those_said_of_what_is_near(likeness: float) -> None:
    said = np.random.default_rng(0).normal(0, 3, (6, 8, 313)).astype(np.float32)
    rows = np.asarray(reference.palette(COLOURS))
    own = special.softmax(said, axis=-1).mean((0, 1))
    wanted = np.zeros(313)
    for share, centre in zip(own, bins.CENTRES, strict=True):
        apart = np.sum((rows @ bins.CENTRES - centre) ** 2, axis=1)
        wanted += share * special.softmax(-apart / 200) @ rows
    lent = reference.lend(jnp.asarray(said)[None], np.array([6, 8]), rows, likeness)
    found = special.softmax(np.asarray(lent[0]), axis=-1).mean((0, 1))
    aim = (1 - likeness) * own + likeness * wanted
    np.testing.assert_allclose(found, aim, atol=1e-4)
    assert found[rows.any(0)].sum() > 0.9 * likeness


def test_the_colours_of_a_photograph_bring_it_nearer() -> None:
    """Five of them, by k-means, and by the network that comes along."""
    colorizer = colorflax.load()
    gains = []
    for photo in photographs.builtin():
        rgb = np.asarray(photo.open(256))
        lab = oracle.rgb2lab(rgb[::4, ::4]).reshape(-1, 3)
        found = KMeans(5, n_init=1, random_state=0).fit(lab[:, 1:]).cluster_centers_
        middle = np.concatenate([np.full((5, 1), 50.0), found], axis=1)
        colours = np.round(255 * oracle.lab2rgb(middle)).astype(int)
        palette = ["#{:02x}{:02x}{:02x}".format(*x) for x in colours]
        error = [
            np.square(colorizer(rgb, palette=lent).astype(float) - rgb).mean()
            for lent in ((), palette)
        ]
        gains.append(np.log(error[0] / error[1]))
    assert np.mean(gains) > 0.08


def test_the_command(run: Path, tmp_path: Path) -> None:
    """As from Python; said in the picture; done again when the palette changes."""
    photo, out = tmp_path / "a.png", tmp_path / "out"
    photographs.builtin()[0].open(60).convert("L").save(photo)
    flags = [f"--checkpoint={run}", f"--out={out}"]
    colorizer = colorflax.load(run)
    for palette in (["rgb(200,168,1e3)", "#c8a878"], ["olive"]):
        words = f"--palette={','.join(palette)}"
        done = commands.run("colorflax.colorize", *flags, words, photo)
        assert done.returncode == 0, done.stderr
        assert "done before" not in done.stdout
        picture = read(out / "a.png")
        expected = colorizer(photo, palette=palette)
        np.testing.assert_array_equal(picture.pixels, np.asarray(expected))
        assert not np.array_equal(picture.pixels, np.asarray(colorizer(photo)))
        assert f"palette={','.join(palette)}" in picture.metadata.text["Comment"]
    done = commands.run("colorflax.colorize", *flags, words, photo)
    assert "done before" in done.stdout
    for bad, said in (
        (["--palette=olive,moss"], "palette: 'moss' is no colour; write #rrggbb, or a"),
        (
            ["--palette=olive", f"--reference={photo}"],
            "--reference and --palette both say which colours; take one",
        ),
    ):
        done = commands.run("colorflax.colorize", *flags, *bad, photo)
        assert commands.complaint(done).startswith(f"colorflax: {said}")


def test_what_cannot_take_one(run: Path, tmp_path: Path) -> None:
    rgb = np.asarray(photographs.builtin()[0].open(40))
    regression = colorflax.load(runs.untrained(tmp_path / "regression"))
    with pytest.raises(UserError, match="palette: .* was trained with regression"):
        regression(rgb, palette=["tan"])
    with pytest.raises(UserError, match="reference and palette both say which"):
        colorflax.load(run)(rgb, palette=["tan"], reference=rgb)
