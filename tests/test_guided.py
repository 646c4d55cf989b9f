"""Enlarged colours: the same in any pieces, true to the small map, and to edges."""

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

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
