"""A colouring is judged alike in squares and in tiles, and as others judge it."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from skimage import color
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorflax.color import bins
from colorflax.contest import baselines, judge
from colorflax.data import photographs
from colorflax.painting import guided, paint

RNG = np.random.default_rng(0)
PHOTO = np.asarray(photographs.builtin()[0].open().resize((70, 45)))
AB = np.cumsum(RNG.normal(0, 4, (45, 70, 2)), axis=1).astype(np.float32)
WEIGHTS = RNG.uniform(0.1, 9, bins.COUNT).astype(np.float32)


def _nearest(rgb: np.ndarray) -> np.ndarray:
    ab = color.rgb2lab(rgb)[..., 1:].reshape(-1, 2)
    return cdist(ab, bins.CENTRES).argmin(axis=1)


def test_tiles_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judge.squares(PHOTO[None], AB[None], WEIGHTS)
    counts, total = judge.colours_of_squares(PHOTO[None])
    monkeypatch.setattr(judge, "_TILE", 16)
    tiled = judge.photograph(PHOTO, AB, WEIGHTS)
    assert tiled.keys() == whole.keys()
    for name, x in whole.items():
        np.testing.assert_allclose(tiled[name], x, rtol=1e-5, err_msg=name)
    assert whole["windows"] == 35 * 60
    for found, x in zip(judge.colours(PHOTO), (counts, total), strict=True):
        np.testing.assert_allclose(found, x, rtol=1e-5)
    np.testing.assert_allclose(
        judge.true_ab(PHOTO), judge.true_squares(PHOTO[None])[0], atol=1e-4
    )


def test_numbers_are_those_of_scikit_image() -> None:
    """Of the colours of another photograph, which sRGB can mostly show."""
    other = np.asarray(photographs.builtin()[1].open().resize((70, 45)))
    ab = judge.true_ab(other)
    found = judge.numbers(judge.photograph(PHOTO, ab, WEIGHTS))
    picture = paint.paint(PHOTO, guided.enlarge(ab, PHOTO.shape[1::-1]))
    theirs = peak_signal_noise_ratio(PHOTO, picture)
    assert found["psnr"][0] == pytest.approx(theirs, abs=0.01)
    theirs = structural_similarity(
        PHOTO, picture, channel_axis=-1, data_range=255,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert found["ssim"][0] == pytest.approx(theirs, abs=1e-4)
    lab = color.rgb2lab(PHOTO)[..., 1:] - color.rgb2lab(other)[..., 1:]
    assert found["mse"][0] == pytest.approx(np.mean((lab / 127) ** 2), rel=1e-3)


def test_rebalanced_auc_gives_every_colour_its_say() -> None:
    """Against numpy: pixels weighted by the inverse of how common their bin is."""
    nearest = _nearest(PHOTO)
    counts = np.bincount(nearest, minlength=bins.COUNT)
    np.testing.assert_allclose(judge.colours(PHOTO)[0], counts, atol=3)
    offsets = ((bins.CENTRES[:, None] - bins.CENTRES) ** 2).sum(-1).astype(float)
    kernel = np.exp(-offsets / 50)
    smooth = kernel / kernel.sum(axis=0) @ (counts / counts.sum())
    pixel = 1 / smooth[nearest]
    lab = color.rgb2lab(PHOTO)[..., 1:].reshape(-1, 2) - AB.reshape(-1, 2)
    near = 1 - np.minimum(np.linalg.norm(lab, axis=1), 150) / 150
    weights = baselines.rarity(counts)
    totals = judge.photograph(PHOTO, AB, weights)
    ours = 1 - totals["weighted_clipped"][0] / totals["weight"][0] / 150
    assert ours == pytest.approx(np.average(near, weights=pixel), abs=2e-3)
    assert abs(ours - near.mean()) > 0.01  # it is another number
    assert counts @ weights == pytest.approx(counts.sum(), rel=1e-5)
    assert not weights[counts == 0].any()


def test_pictures_too_small_for_a_window() -> None:
    small = PHOTO[:10, :30]
    found = judge.numbers(judge.photograph(small, None, WEIGHTS))
    assert np.isnan(found["ssim"]).all()
    assert found["mse"] == 0
    tiny = judge.numbers(judge.squares(small[None, :, :10], None, WEIGHTS))
    assert np.isnan(tiny["ssim"]).all()
