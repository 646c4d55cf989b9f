"""Enlarged colours: the same in any pieces, true to the small map, and to edges.

Smoothed ones: without noise, and true to edges as well.
"""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import color, data
from sklearn.linear_model import Ridge

from colorflax.painting import guided

RNG = np.random.default_rng(0)


def _small(x: np.ndarray, factor: int) -> np.ndarray:
    h, w, c = x.shape
    blocks = x.reshape(h // factor, factor, w // factor, factor, c)
    return blocks.mean(axis=(1, 3)).astype(np.float32)


@pytest.mark.parametrize("edges", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_pieces_are_the_whole(edges: bool, rows: int) -> None:
    ab = RNG.normal(0, 30, (9, 11, 2))
    small = RNG.uniform(0, 100, (9, 11)) if edges else None
    L = RNG.uniform(0, 100, (50, 70)).astype(np.float32)
    whole = guided.enlarge(ab, (70, 50), small)
    pieces = [whole.rows(top, L[top : top + rows]) for top in range(0, 50, rows)]
    np.testing.assert_allclose(np.concatenate(pieces), whole.rows(0, L), atol=2e-4)


def test_without_edges_it_is_the_bicubic_filter_of_pillow() -> None:
    ab = RNG.normal(0, 30, (9, 11, 2)).astype(np.float32)
    result = guided.enlarge(ab, (70, 50)).rows(0, np.zeros((50, 70), np.float32))
    for channel in range(2):
        small = Image.fromarray(np.ascontiguousarray(ab[..., channel]))
        expected = np.asarray(small.resize((70, 50), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(result[..., channel], expected, atol=1e-4)


def test_an_even_colour_stays_even() -> None:
    ab = np.full((6, 6, 2), 20.0)
    enlarged = guided.enlarge(ab, (48, 48), RNG.uniform(0, 100, (6, 6)))
    L = RNG.uniform(0, 100, (48, 48)).astype(np.float32)
    np.testing.assert_allclose(enlarged.rows(0, L), 20, atol=1e-3)


def test_smoothing_is_a_line_over_lightness_around_each_pixel() -> None:
    """Section 3.1 of the paper, window by window: least squares with a penalty."""
    L = RNG.uniform(20, 60, (20, 22)).astype(np.float32)
    ab = RNG.normal(0, 30, (20, 22, 2)).astype(np.float32)
    reach, noise = guided._REACH, guided._EVEN
    lines = {}
    for y in range(reach, 20 - reach):
        for x in range(reach, 22 - reach):
            window = np.s_[y - reach : y + reach + 1, x - reach : x + reach + 1]
            lightness, colours = L[window].ravel(), ab[window].reshape(-1, 2)
            model = Ridge(alpha=noise * len(lightness)).fit(lightness[:, None], colours)
            lines[y, x] = model
    result = guided.smooth(ab, L)
    for y, x in [(6, 6), (9, 12), (13, 15)]:
        around = [
            lines[y + i, x + j].predict(L[y : y + 1, x : x + 1])[0]
            for i in range(-reach, reach + 1)
            for j in range(-reach, reach + 1)
        ]
        np.testing.assert_allclose(result[y, x], np.mean(around, axis=0), atol=1e-3)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_smoothing_takes_noise_and_leaves_edges(name: str) -> None:
    """Noise on the colours of real photographs: better than as it is, and a mean."""
    rgb = getattr(data, name)()
    h, w = (side // 4 * 4 for side in rgb.shape[:2])
    small = _small(color.rgb2lab(rgb[:h, :w]), 4)
    L, ab = small[..., 0], small[..., 1:]
    noisy = ab + RNG.normal(0, 6, ab.shape).astype(np.float32)
    blurred = ndimage.uniform_filter(noisy, (7, 7, 1), mode="nearest")
    errors = [np.mean((x - ab) ** 2) for x in (guided.smooth(noisy, L), noisy, blurred)]
    assert errors[0] < 0.8 * min(errors[1:])


@pytest.mark.parametrize("factor", [4, 8, 16])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_less_colour_bleeds_on_real_photographs(name: str, factor: int) -> None:
    """Their own ab, shrunk and enlarged: nearer to the truth than bilinear."""
    rgb = getattr(data, name)()
    h, w = (side // 16 * 16 for side in rgb.shape[:2])
    lab = color.rgb2lab(rgb[:h, :w]).astype(np.float32)
    L, ab = lab[..., 0], lab[..., 1:]
    small = _small(lab, factor)
    result = guided.enlarge(small[..., 1:], (w, h), small[..., 0]).rows(0, L)
    smooth = np.stack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(small[..., channel])).resize(
                    (w, h), Image.Resampling.BILINEAR
                )
            )
            for channel in (1, 2)
        ],
        axis=-1,
    )
    error, usual = (np.mean((x - ab) ** 2) for x in (result, smooth))
    assert error < 0.95 * usual
