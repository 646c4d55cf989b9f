"""One head decoded in several ways: what temperature and tau change, and what not."""

import dataclasses
from pathlib import Path
from typing import Any

import entrants
import numpy as np
import pytest
from skimage import color

from colorflax import checkpoint
from colorflax.color import bins
from colorflax.contest import contenders
from colorflax.data import library, pipeline
from colorflax.errors import UserError

pytestmark = pytest.mark.usefixtures("small_tiles")


@pytest.fixture(scope="module")
def bins_run(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    prior = np.random.default_rng(0).dirichlet(np.ones(313))
    return entrants.saved(
        entrants.settings(photos, "classification"), tmp_path_factory.mktemp("bins"),
        prior=prior.tolist(),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["fixed", "full"])
def test_colder_is_livelier(photos: str, bins_run: checkpoint.Saved, mode: str) -> None:
    """Towards the mean of the distribution colours fade."""
    settings = entrants.settings(photos, "classification")
    temperatures = [0.05, 0.2, 0.38, 1.0, 3.0]
    model = contenders.Network(
        bins_run, settings, [{"temperature": t} for t in temperatures]
    )
    result = entrants.evaluate(model, settings, mode)
    names = [f"T={t:g}" for t in temperatures]
    lively = [result.values(name, "colourfulness").mean() for name in names]
    assert lively == sorted(lively, reverse=True)
    assert lively[0] > 1.5 * lively[-1]
    bits = [result.values(name, "bits") for name in names]
    assert all(np.array_equal(x, bits[0]) for x in bits)  # of the logits themselves
    own = entrants.evaluate(contenders.Network(bins_run, settings), settings, mode)
    mse = own.values("model", "mse")
    np.testing.assert_allclose(mse, result.values("T=0.38", "mse"), rtol=1e-6)


def test_tau_needs_the_prior_and_moves_colours(
    photos: str, bins_run: checkpoint.Saved
) -> None:
    settings = entrants.settings(photos, "classification")
    objective = dataclasses.replace(settings.objective, tau=1.0)
    tilted = dataclasses.replace(settings, objective=objective)
    plain = entrants.evaluate(contenders.Network(bins_run, settings), settings)
    moved = entrants.evaluate(contenders.Network(bins_run, tilted), tilted)
    assert (plain.values("model", "mse") != moved.values("model", "mse")).all()
    assert np.array_equal(plain.values("model", "bits"), moved.values("model", "bits"))
    both = entrants.evaluate(
        contenders.Network(bins_run, settings, [{}, {"tau": 1.0}]), settings
    )
    for name, alone in (("model", plain), ("tau=1", moved)):
        theirs = alone.values("model", "mse")
        np.testing.assert_allclose(both.values(name, "mse"), theirs, rtol=1e-6)
    old = {k: v for k, v in bins_run.about.items() if k != "prior"}
    with pytest.raises(UserError, match="tau=1 needs the prior"):
        contenders.Network(dataclasses.replace(bins_run, about=old), tilted)


def test_gain_multiplies_chroma(photos: str, bins_run: checkpoint.Saved) -> None:
    settings = entrants.settings(photos, "classification")
    plain = entrants.evaluate(contenders.Network(bins_run, settings), settings)
    gain = [1.0, 2.0]
    model = contenders.Network(bins_run, settings, [{}, *({"gain": x} for x in gain)])
    vivid = entrants.evaluate(model, settings)
    for name, times in (("model", 1), ("gain=1", 1), ("gain=2", 2)):
        ours = vivid.values(name, "chroma_ratio")
        theirs = times * plain.values("model", "chroma_ratio")
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    with pytest.raises(UserError, match=r"gain should be positive, not 0"):
        contenders.Network(bins_run, settings, [{"gain": 0.0}])


def test_bits_of_knowing_only_how_often_each_bin_occurs(
    photos: str, bins_run: checkpoint.Saved
) -> None:
    """By hand, with one more of each bin: pixels are counted, blocks of 4 are named."""
    settings = entrants.settings(photos, "classification")
    seen = library.find(settings.data).validation
    (batch,) = pipeline.evaluation_batches(
        seen, None, settings.data, batch_size=len(seen)
    )
    lab = color.rgb2lab(batch["rgb"])[..., 1:]
    blocks = lab.reshape(len(seen), 6, 4, 6, 4, 2).mean((2, 4))

    def nearest(ab: np.ndarray) -> np.ndarray:
        return np.linalg.norm(ab[..., None, :] - bins.CENTRES, axis=-1).argmin(-1)

    counts = 1 + np.bincount(nearest(lab).ravel(), minlength=313)
    bits = -np.log2(counts / counts.sum())[nearest(blocks)].mean((1, 2))
    result = entrants.evaluate(contenders.Network(bins_run, settings), settings)
    np.testing.assert_allclose(result.values("mean", "bits"), bits, rtol=0.02)


def test_a_regression_has_no_temperature(photos: str, tmp_path: Path) -> None:
    regression = entrants.saved(entrants.settings(photos), tmp_path)
    with pytest.raises(UserError, match="trained with regression"):
        contenders.Network(
            regression, entrants.settings(photos), [{"temperature": 1.0}]
        )
