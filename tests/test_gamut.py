"""A fitted colour keeps its lightness through 8 bits, and its hue."""

import jax
import numpy as np
import pytest
from skimage.color import rgb2lab

from colorflax import color
from colorflax.color import gamut

_RNG = np.random.default_rng(0)
_BOUND = 100 / 255


def _random_lab(count: int, chroma: float) -> np.ndarray:
    lightness = np.clip(_RNG.uniform(-5, 105, (count, 1)), 0, 100)
    ab = _RNG.uniform(-chroma, chroma, (count, 2))
    return np.concatenate([lightness, ab], axis=1).astype(np.float32)


def _lightness_shift(lab: np.ndarray, displayed: np.ndarray) -> np.ndarray:
    rgb = np.asarray(color.to_uint8(color.lab_to_rgb(displayed)))
    return np.abs(rgb2lab(rgb)[:, 0] - lab[:, 0])


@pytest.mark.parametrize("chroma", [10, 60, 130, 1e4])
def test_lightness_survives_rounding(chroma: float):
    lab = _random_lab(200_000, chroma)
    fitted = np.asarray(jax.jit(gamut.fit)(lab))
    assert _lightness_shift(lab, fitted).max() <= _BOUND
    assert _lightness_shift(lab, lab).max() > 5 * _BOUND  # what clipping alone does


def test_black_and_white_lose_their_colour():
    lab = np.float32([[0, 60, -60], [100, 60, -60], [100, 0, 0], [0, 0, 0]])
    rgb = color.to_uint8(color.lab_to_rgb(gamut.fit(lab)))
    assert np.array_equal(rgb, [[0] * 3, [255] * 3, [255] * 3, [0] * 3])


def test_result_is_inside_at_the_same_lightness_and_hue():
    lab = _random_lab(100_000, 200)
    fitted = np.asarray(gamut.fit(lab))
    linear = np.asarray(color.lab_to_linear(fitted))
    assert linear.min() >= -2e-5
    assert linear.max() <= 1 + 2e-4
    assert np.array_equal(fitted[:, 0], lab[:, 0])
    before, after = lab[:, 1:].astype(np.float64), fitted[:, 1:].astype(np.float64)
    chroma = np.hypot(*before.T)
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    assert np.abs(cross / chroma).max() < 1e-3
    assert ((before * after).sum(axis=1) >= 0).all()
    assert (np.hypot(*after.T) <= chroma + 1e-3).all()


def test_no_more_chroma_is_lost_than_needed():
    lab = _random_lab(50_000, 130)
    lab = lab[(lab[:, 0] > 1) & (lab[:, 0] < 99)]
    fitted = np.asarray(gamut.fit(lab))
    moved = (fitted != lab).any(axis=1)
    assert moved.mean() > 0.5
    chroma = np.hypot(fitted[moved, 1], fitted[moved, 2])
    direction = lab[moved, 1:] / np.hypot(lab[moved, 1], lab[moved, 2])[:, None]
    further = fitted[moved].copy()
    further[:, 1:] = direction * (chroma[:, None] + 0.1)
    linear = np.asarray(color.lab_to_linear(further))
    assert ((linear < 0) | (linear > 1)).any(axis=1).all()


@pytest.mark.parametrize(
    ("lightness", "hues"), [((1, 99), (0, 360)), ((80, 99), (85, 115))]
)
def test_the_farthest_colour_is_found_behind_a_gap(
    lightness: tuple[int, int], hues: tuple[int, int]
):
    """The largest chroma in sRGB, by looking at all in steps of half a unit."""
    L, hue = (_RNG.uniform(*ends, 20_000) for ends in (lightness, hues))
    direction = np.stack([np.cos(np.radians(hue)), np.sin(np.radians(hue))], axis=-1)

    def at(chroma: np.ndarray) -> np.ndarray:
        ab = chroma[:, None] * direction
        return np.concatenate([L[:, None], ab], axis=1).astype(np.float32)

    linear = jax.jit(color.lab_to_linear)
    most = np.zeros_like(L)
    for chroma in np.arange(0, 140, 0.5):
        light = np.asarray(linear(at(np.full_like(L, chroma))))
        most = np.where(((light >= 0) & (light <= 1)).all(axis=1), chroma, most)
    fitted = np.asarray(gamut.fit(at(most + 10)))
    short = np.hypot(fitted[:, 1], fitted[:, 2]) < most - 0.6
    assert short.mean() < 2e-3  # what is there in a narrower strip than is looked at


def test_yellow_stays_yellow():
    yellow = np.asarray(color.rgb_to_lab(np.array([255, 255, 0], np.uint8)))
    for more in (1.01, 1.1, 1.5):
        livelier = yellow * np.array([1, more, more], np.float32)
        rgb = color.to_uint8(color.lab_to_rgb(gamut.fit(livelier)))
        np.testing.assert_allclose(rgb, [255, 255, 0], atol=25)


def test_colours_inside_are_untouched():
    rgb = _RNG.integers(0, 256, (200_000, 3), np.uint8)
    corners = np.stack(np.meshgrid(*[[0, 255]] * 3), axis=-1).reshape(-1, 3)
    rgb = np.concatenate([rgb, corners.astype(np.uint8)])
    lab = np.asarray(color.rgb_to_lab(rgb))
    assert np.array_equal(gamut.fit(lab), lab)


def test_shapes_transforms_and_gradients():
    lab = _random_lab(8 * 15, 150).reshape(8, 3, 5, 3)
    plain = np.asarray(gamut.fit(lab))
    for transform in (jax.jit, jax.vmap, jax.pmap):
        again = np.asarray(transform(gamut.fit)(lab))
        np.testing.assert_allclose(again, plain, rtol=0, atol=0.05)
    np.testing.assert_array_equal(gamut.fit(lab[0, 0, 0]), plain[0, 0, 0])
    gradient = jax.grad(lambda lab: gamut.fit(lab).sum())(lab)
    assert np.isfinite(np.asarray(gradient)).all()
