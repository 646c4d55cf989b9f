"""Colours of another photograph: as much of each, and near to what was said."""

from pathlib import Path

import commands
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from PIL import Image
from scipy import optimize, special

import colorflax
from colorflax import color
from colorflax.color import bins
from colorflax.control import reference
from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.picture import read

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"), "classification")


def _lent(logits: np.ndarray, wanted: np.ndarray, likeness: float) -> np.ndarray:
    size = np.array(logits.shape[:2])
    lent = reference.lend(jnp.asarray(logits)[None], size, wanted, likeness)
    return np.asarray(lent[0])


def _shares(logits: np.ndarray) -> np.ndarray:
    return special.softmax(logits, axis=-1).mean((0, 1))


@pytest.fixture
def said() -> np.ndarray:
    return RNG.normal(0, 3, (6, 8, 313)).astype(np.float32)


@pytest.fixture
def wanted() -> np.ndarray:
    return RNG.dirichlet(np.full(313, 0.3)).astype(np.float32)


@pytest.mark.parametrize("likeness", [0.0, 0.4, 1.0])
def test_the_shares_are_those_wanted(
    said: np.ndarray, wanted: np.ndarray, likeness: float
) -> None:
    lent = _lent(said, wanted, likeness)
    aim = (1 - likeness) * _shares(said) + likeness * wanted
    np.testing.assert_allclose(_shares(lent), aim, atol=1e-5)
    # By one factor per bin, the same everywhere, and one per pixel, which is nothing.
    factors = lent - special.log_softmax(said, axis=-1)
    np.testing.assert_allclose(
        factors, np.broadcast_to(factors[0, 0], said.shape), 0, 1e-4
    )


def test_nearest_to_what_was_said(said: np.ndarray, wanted: np.ndarray) -> None:
    """The dual of that problem, maximised by a library."""
    flat = said.reshape(-1, 313).astype(float)

    def cost(x: np.ndarray) -> tuple[float, np.ndarray]:
        moved = flat + x
        value = special.logsumexp(moved, axis=1).mean() - wanted @ x
        return value, special.softmax(moved, axis=1).mean(0) - wanted

    how = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2_000, "maxfun": 4_000}
    best = optimize.minimize(
        cost, np.zeros(313), jac=True, method="L-BFGS-B", options=how
    ).x
    expected = special.softmax(flat + best, axis=1)
    ours = special.softmax(_lent(said, wanted, 1.0).reshape(-1, 313), axis=1)
    assert np.abs(ours - special.softmax(flat, axis=1)).max() > 0.1
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_what_is_beyond_the_picture_does_not_count(
    said: np.ndarray, wanted: np.ndarray
) -> None:
    wide = np.full((1, 9, 11, 313), 5.0, np.float32)
    wide[0, :6, :8] = said
    lent = reference.lend(jnp.asarray(wide), np.array([6, 8]), wanted, 0.7)
    np.testing.assert_allclose(lent[0, :6, :8], _lent(said, wanted, 0.7), atol=1e-4)


def test_extremes_stay_finite(said: np.ndarray) -> None:
    """A network that is sure, and a reference of a colour that it rules out."""
    sure = 40 * said
    single = np.eye(313, dtype=np.float32)[-1]
    for likeness in (0.5, 1.0):
        lent = _lent(sure, single, likeness)
        assert np.isfinite(lent).all()
        assert _shares(lent)[-1] > 0.9 * likeness


def test_shares_of_a_photograph() -> None:
    rgb = np.asarray(photographs.builtin()[0].open(40).resize((48, 32)))
    found = np.asarray(reference.shares(rgb, 4))
    ab = np.asarray(color.rgb_to_lab(rgb))[..., 1:].reshape(8, 4, 12, 4, 2).mean((1, 3))
    expected = np.zeros(313)
    for colour in ab.reshape(-1, 2):
        near = np.sum((bins.CENTRES - colour) ** 2, axis=1)
        five = np.argsort(near)[:5]
        weights = np.exp(-near[five] / 50)
        expected[five] += weights / weights.sum() / 96
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_its_own_colours_bring_a_picture_nearer() -> None:
    """By the network that comes along."""
    colorizer = colorflax.load()
    gains = []
    for photo in photographs.builtin()[:3]:
        rgb = np.asarray(photo.open(256))
        error = [
            np.square(colorizer(rgb, reference=lent).astype(float) - rgb).mean()
            for lent in (None, rgb)
        ]
        gains.append(np.log(error[0] / error[1]))
    assert np.mean(gains) > 0.2


def test_what_cannot_lend_or_take(run: Path, tmp_path: Path) -> None:
    colorizer = colorflax.load(run)
    rgb = np.asarray(photographs.builtin()[0].open(40))
    grey = tmp_path / "grey.png"
    Image.new("L", (60, 40), 120).save(grey)
    for lender, name in ((str(grey), "grey.png"), (rgb[..., :1], "the reference")):
        with pytest.raises(UserError, match=f"{name} is grey; take a photograph that"):
            colorizer(rgb, reference=lender)
    with pytest.raises(UserError, match="~no-such-user/a.png: no such file"):
        colorizer(rgb, reference="~no-such-user/a.png")
    both = colorizer([rgb, rgb], reference=rgb)
    np.testing.assert_array_equal(both[1], colorizer(rgb, reference=rgb))
    plain = colorizer(rgb, reference=rgb, likeness=0.0)
    np.testing.assert_array_equal(plain, colorizer(rgb))
    with pytest.raises(UserError, match=r"likeness=1\.5; take a number from 0 to 1"):
        colorizer(rgb, reference=rgb, likeness=1.5)
    regression = colorflax.load(runs.untrained(tmp_path / "regression"))
    with pytest.raises(UserError, match="reference: .* was trained with regression"):
        regression(rgb, reference=rgb)


def test_the_command(run: Path, tmp_path: Path) -> None:
    """As from Python; said in the picture; done again when the reference changes."""
    rgb = photographs.builtin()[0].open(60)
    photo, lender, out = (tmp_path / name for name in ("a.png", "b.png", "out"))
    rgb.convert("L").save(photo)
    flags = [f"--checkpoint={run}", f"--out={out}", f"--reference={lender}"]
    colorizer = colorflax.load(run)
    for lent in (rgb, rgb.rotate(180), rgb.getchannel("R").convert("RGB")):
        Image.blend(rgb, lent, 0.5).transpose(Image.Transpose.ROTATE_90).save(lender)
        done = commands.run("colorflax.colorize", *flags, "--likeness=0.8", photo)
        assert done.returncode == 0, done.stderr
        assert "done before" not in done.stdout
        picture = read(out / "a.png")
        expected = colorizer(photo, reference=lender, likeness=0.8)
        np.testing.assert_array_equal(picture.pixels, np.asarray(expected))
        assert not np.array_equal(picture.pixels, np.asarray(colorizer(photo)))
        assert "likeness=0.8" in picture.metadata.text["Comment"]
    done = commands.run("colorflax.colorize", *flags, "--likeness=0.8", photo)
    assert "done before" in done.stdout
    missing = commands.run("colorflax.colorize", *flags[:2], "--likeness=1", photo)
    said = commands.complaint(missing)
    assert (
        said == "colorflax: --likeness is that to a --reference or --palette; name one"
    )
    for bad, said in (
        ([flags[2], "--likeness=nan"], "likeness=nan; take a number from 0 to 1"),
        ([f"--reference={tmp_path}"], f"{tmp_path}: "),
        (["--reference=~no-such-user/a.jpg"], "~no-such-user/a.jpg: no such file"),
    ):
        done = commands.run("colorflax.colorize", *flags[:2], *bad, photo)
        assert commands.complaint(done).startswith(f"colorflax: {said}")
