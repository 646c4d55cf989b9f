"""The numbers of a photograph are those of other libraries."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color
from skimage.metrics import peak_signal_noise_ratio

from colorflax import metrics
from colorflax.features.runtime import keras_on_jax

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(0, 20, (3, 5, 7, 2)).astype(np.float32)
GUESS = TRUTH + RNG.normal(0, 8, TRUTH.shape).astype(np.float32)
TRUTH[0, :2] = np.round(TRUTH[0, :2, :, :1])  # a equals b
GREY = np.zeros_like(TRUTH)


@pytest.mark.parametrize("guess", [GUESS, GREY], ids=["guess", "grey"])
def test_agreement_is_the_accuracy_of_keras(guess: np.ndarray) -> None:
    ours = metrics.larger_channel_agreement(jnp.asarray(guess), jnp.asarray(TRUTH))
    with keras_on_jax() as keras:
        # Its targets and outputs are ab / 128; "accuracy" is this with a loss of MSE.
        theirs = keras.metrics.categorical_accuracy(TRUTH / 128, guess / 128)
    theirs = np.asarray(theirs).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert 0 < theirs.min() < theirs.max() < 1


def test_that_keras_means_this_by_accuracy() -> None:
    """A network of two channels compiled with MSE and metrics=["accuracy"]."""
    with keras_on_jax() as keras:
        model = keras.Sequential([keras.Input((5, 7, 2)), keras.layers.Identity()])
        model.compile(loss="mse", metrics=["accuracy"])
        _, theirs = model.test_on_batch(GUESS / 128, TRUTH / 128)
    ours = metrics.larger_channel_agreement(jnp.asarray(GUESS), jnp.asarray(TRUTH))
    assert np.mean(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_psnr_of_ab() -> None:
    ours = metrics.ab_psnr(jnp.asarray(GUESS), jnp.asarray(TRUTH))
    for i in range(3):
        theirs = peak_signal_noise_ratio(TRUTH[i], GUESS[i], data_range=256)
        assert ours[i] == pytest.approx(theirs, abs=1e-3)
    exact = metrics.ab_psnr(jnp.asarray(TRUTH), jnp.asarray(TRUTH))
    np.testing.assert_allclose(exact, 58.96, atol=0.01)


@pytest.mark.parametrize("distance", [5.0, 10.0])
def test_share_within_a_distance_is_of_delta_e(distance: float) -> None:
    ours = metrics.share_within(jnp.asarray(GUESS), jnp.asarray(TRUTH), distance)
    lab = [np.pad(ab, [(0, 0)] * 3 + [(1, 0)]) for ab in (GUESS, TRUTH)]
    theirs = (color.deltaE_cie76(*lab) <= distance).mean((1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert 0 < theirs.min() <= theirs.max() < 1
