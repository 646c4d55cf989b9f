"""Right hues, counted as scikit-image measures hues."""

import jax.numpy as jnp
import numpy as np
from skimage import color

from colorflax.metrics import hue

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(0, 25, (3, 20, 30, 2)).astype(np.float32)
GUESS = TRUTH + RNG.normal(0, 20, TRUTH.shape).astype(np.float32)
MASK = RNG.random(TRUTH.shape[:3]) < 0.8


def _parts(
    guess: np.ndarray = GUESS, truth: np.ndarray = TRUTH, mask: np.ndarray = MASK
) -> dict[str, np.ndarray]:
    rows = hue.sums(*map(jnp.asarray, (guess, truth, mask)))
    totals = {name: np.asarray(x).sum(axis=1) for name, x in rows.items()}
    return hue.parts(totals | {"pixels": mask.sum((1, 2))})


def test_right_hues_are_those_of_scikit_image() -> None:
    ours = _parts()
    lab = [np.pad(ab, [(0, 0)] * 3 + [(1, 0)]) for ab in (TRUTH, GUESS)]
    (_, chroma, angle), (*_, guessed) = (
        np.moveaxis(color.lab2lch(x), -1, 0) for x in lab
    )
    turn = np.abs(np.angle(np.exp(1j * (angle - guessed))))
    degrees = np.degrees(angle)
    warm = (degrees < 95) | (degrees >= 330)
    green = (degrees >= 95) & (degrees < 180)
    arcs = {"hue_warm": warm, "hue_green": green, "hue_blue": ~warm & ~green}
    arcs["hue"] = np.ones_like(warm)
    assert ours.keys() == arcs.keys()
    n = MASK.sum((1, 2))
    for name, arc in arcs.items():
        there = MASK & (chroma >= 12) & arc
        right = there & (turn < np.radians(30))
        expected = np.stack([right.sum((1, 2)) / n, there.sum((1, 2)) / n], axis=1)
        np.testing.assert_allclose(ours[name], expected, err_msg=name)
        assert 0.2 * there.sum() < right.sum() < there.sum()


def test_truth_is_right_at_any_liveliness_and_grey_nowhere() -> None:
    for guess, share in ((TRUTH, 1), (0.1 * TRUTH, 1), (3 * TRUTH, 1), (0 * TRUTH, 0)):
        for right, there in _parts(guess)["hue"]:
            assert there > 0.5
            np.testing.assert_allclose(right, share * there)


def test_chance_is_what_the_table_says() -> None:
    angle = RNG.uniform(0, 2 * np.pi, (1, 200, 300))
    guess = 40 * np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)
    truth = np.resize(TRUTH, guess.shape)
    right, there = _parts(guess, truth, np.ones(guess.shape[:3], bool))["hue"][0]
    np.testing.assert_allclose(right / there, hue.NEAR / 180, atol=0.01)


def test_what_is_nearly_grey_has_no_hue() -> None:
    faint = 11 * TRUTH / np.linalg.norm(TRUTH, axis=-1, keepdims=True)
    assert not _parts(faint, faint)["hue"].any()
