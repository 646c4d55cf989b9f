"""Numbers about a photograph are those of other libraries, or of a sheet of paper."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from colorflax import metrics
from colorflax.features.runtime import keras_on_jax
from colorflax.metrics import ssim

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(0, 20, (3, 5, 7, 2)).astype(np.float32)
GUESS = TRUTH + RNG.normal(0, 8, TRUTH.shape).astype(np.float32)
TRUTH[0, :2] = np.round(TRUTH[0, :2, :, :1])  # a equals b
GREY = np.zeros_like(TRUTH)
PHOTO = RNG.integers(0, 256, (3, 5, 7, 3), np.uint8)
PICTURE = RNG.integers(0, 256, (3, 5, 7, 3), np.uint8)


def _numbers(
    ab: np.ndarray = GUESS,
    truth: np.ndarray = TRUTH,
    picture: np.ndarray = PICTURE,
    photo: np.ndarray = PHOTO,
    mask: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    arrays = [jnp.asarray(x) for x in (picture, photo, ab, truth)]
    rows = metrics.sums(*arrays, None if mask is None else jnp.asarray(mask))
    totals = {name: np.asarray(x, np.float64).sum(1) for name, x in rows.items()}
    return metrics.numbers(totals, np)


@pytest.mark.parametrize("guess", [GUESS, GREY], ids=["guess", "grey"])
def test_agreement_is_the_accuracy_of_keras(guess: np.ndarray) -> None:
    ours = _numbers(guess)["larger_channel_agreement"]
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
    ours = _numbers()["larger_channel_agreement"]
    assert np.mean(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_errors_are_those_of_scikit_image() -> None:
    ours = _numbers()
    for i in range(3):
        theirs = peak_signal_noise_ratio(TRUTH[i], GUESS[i], data_range=256)
        assert ours["ab_psnr"][i] == pytest.approx(theirs, abs=1e-4)
        theirs = peak_signal_noise_ratio(PHOTO[i], PICTURE[i])
        assert ours["psnr"][i] == pytest.approx(theirs, abs=1e-9)
    mean = np.square(GUESS.astype(float) - TRUTH).mean((1, 2, 3))
    np.testing.assert_allclose(ours["mse"], mean / 127**2, rtol=1e-6)
    np.testing.assert_allclose(ours["ab_rmse"], np.sqrt(mean), rtol=1e-6)


def test_an_exact_copy() -> None:
    exact = _numbers(TRUTH, TRUTH, PHOTO, PHOTO)
    assert not exact["mse"].any()
    assert not exact["colourfulness_error"].any()
    for name, most in (
        ("psnr", 10 * np.log10(12 * 255**2)), ("ab_psnr", 58.96), ("auc", 1),
        ("within_5", 1), ("larger_channel_agreement", 1), ("chroma_ratio", 1),
    ):  # fmt: skip
        np.testing.assert_allclose(exact[name], most, atol=0.01)


@pytest.mark.parametrize("distance", metrics.DISTANCES)
def test_share_within_a_distance_is_of_delta_e(distance: int) -> None:
    ours = _numbers()[f"within_{distance}"]
    lab = [np.pad(ab, [(0, 0)] * 3 + [(1, 0)]) for ab in (GUESS, TRUTH)]
    theirs = (color.deltaE_cie76(*lab) <= distance).mean((1, 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert 0 < theirs.min() <= theirs.max()


def test_auc_on_paper() -> None:
    """Half the pixels exact, a quarter 60 units off, a quarter farther than 150.

    The curve is 1/2 up to 60 and 3/4 up to 150: (60 * 1/2 + 90 * 3/4) / 150 = 0.65.
    """
    truth = np.zeros((1, 2, 4, 2), np.float32)
    guess = truth.copy()
    guess[0, 0, :2] = [36, -48]
    guess[0, 1, :2] = [-160, 0]
    assert _numbers(guess, truth, PICTURE[:1, :2, :4], PHOTO[:1, :2, :4])[
        "auc"
    ] == pytest.approx(0.65, abs=1e-6)


def test_auc_is_the_area_under_the_counted_curve() -> None:
    thresholds = np.linspace(0, 150, 15001)
    distance = np.linalg.norm(GUESS.astype(float) - TRUTH, axis=-1).reshape(3, -1, 1)
    curve = (distance <= thresholds).mean(axis=1)
    area = np.trapezoid(curve, thresholds, axis=1) / 150
    np.testing.assert_allclose(_numbers()["auc"], area, atol=1e-4)
    steps = curve[:, ::100].mean(axis=1)  # at whole numbers only, as is often done
    np.testing.assert_allclose(_numbers()["auc"], steps, atol=1 / 150)


def test_colourfulness_is_that_of_the_paper() -> None:
    ours = _numbers()
    for i in range(3):
        r, g, b = np.moveaxis(PICTURE[i].astype(float), -1, 0)
        rg, yb = r - g, (r + g) / 2 - b
        theirs = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        assert ours["colourfulness"][i] == pytest.approx(theirs, rel=1e-9)
    truth = _numbers(picture=PHOTO)["colourfulness"]
    np.testing.assert_array_equal(ours["true_colourfulness"], truth)
    error = np.abs(ours["colourfulness"] - truth)
    np.testing.assert_array_equal(ours["colourfulness_error"], error)


def test_chroma_ratio_where_there_is_chroma() -> None:
    twice = _numbers(2 * TRUTH)["chroma_ratio"]
    np.testing.assert_allclose(twice, 2, rtol=1e-6)
    assert np.isnan(_numbers(TRUTH, 0.01 * TRUTH)["chroma_ratio"]).all()


def test_pixels_that_are_masked_do_not_count() -> None:
    mask = np.zeros((3, 5, 7), bool)
    mask[:, :3, 1:5] = True
    part = np.s_[:, :3, 1:5]
    whole = _numbers(GUESS[part], TRUTH[part], PICTURE[part], PHOTO[part])
    masked = _numbers(mask=mask)
    for name, value in whole.items():
        np.testing.assert_allclose(masked[name], value, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("noise", [0, 3, 60, 255])
def test_structural_similarity_is_that_of_scikit_image(noise: int) -> None:
    x = np.kron(RNG.integers(0, 256, (2, 5, 6, 3)), np.ones((1, 5, 5, 1)))
    y = (x + RNG.integers(-noise, noise + 1, x.shape)).clip(0, 255).astype(np.uint8)
    x = x.astype(np.uint8)
    y[1] = 77
    ours = ssim.windows(jnp.asarray(x), jnp.asarray(y))
    assert ours.shape == (2, 15, 20)
    for i in range(2):
        theirs = structural_similarity(
            x[i], y[i], channel_axis=-1, data_range=255,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        assert np.mean(ours[i]) == pytest.approx(theirs, abs=1e-5)
