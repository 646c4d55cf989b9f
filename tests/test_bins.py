"""The 313 bins against brute force in float64 and scikit-learn."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import rgb2lab
from sklearn.neighbors import NearestNeighbors

from colorflax.color import bins

_RNG = np.random.default_rng(0)
_CENTRES = bins.CENTRES.astype(np.float64)


def test_centres_are_the_published_ones():
    assert bins.CENTRES.shape == (313, 2)
    assert np.array_equal(np.lexsort((_CENTRES[:, 1], _CENTRES[:, 0])), np.arange(313))
    digest = hashlib.sha256(bins.CENTRES.astype("<i2").tobytes()).hexdigest()
    assert digest == "e74b520cf1929e90ad9f051db10931e8ac5d1534c6cedabd7bfeba7a78a96c89"


def test_centres_hold_every_cell_with_a_colour():
    # The six faces of the RGB cube hold every extreme, and reach every cell.
    u, v = np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2)
    faces = [
        np.insert(np.stack([u, v], axis=-1), channel, end, axis=-1)
        for channel in range(3)
        for end in (0, 255)
    ]
    low = np.floor(rgb2lab(np.stack(faces)).reshape(-1, 3)[:, 1:] / 10) * 10
    low = np.unique(low, axis=0)
    corners = np.concatenate([low + d for d in ([0, 0], [0, 10], [10, 0], [10, 10])])
    centres = {tuple(c) for c in _CENTRES}
    assert {tuple(c) for c in corners} <= centres
    # The published file has four more, just outside sRGB.
    assert centres - {tuple(c) for c in corners} == {
        (40, 90), (100, -90), (100, -10), (100, 0),
    }  # fmt: skip


def _brute_force(ab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance less the point's own square: (n, 313), and sorted weights."""
    score = (_CENTRES**2).sum(axis=1) - 2 * ab.astype(np.float64) @ _CENTRES.T
    five = np.sort(np.partition(score, 5, axis=1)[:, :5], axis=1)
    weights = np.exp((five[:, :1] - five) / 50)
    return score, weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("reach", "count", "atol"),
    [(110, 500_000, 1e-5), (300, 400_000, 2e-5), (1e4, 100_000, 2e-3)],
)
def test_soft_encode_equals_brute_force(reach: float, count: int, atol: float):
    encode = jax.jit(bins.soft_encode)
    for _ in range(count // 50_000):
        ab = _RNG.uniform(-reach, reach, (50_000, 2)).astype(np.float32)
        indices, weights = map(np.asarray, encode(ab))
        score, expected = _brute_force(ab)
        np.testing.assert_allclose(weights, expected, rtol=0, atol=atol)
        chosen = np.take_along_axis(score, indices, axis=1)
        nearest = np.sort(np.partition(score, 5, axis=1)[:, :5], axis=1)
        np.testing.assert_allclose(chosen, nearest, rtol=0, atol=50 * atol)
        assert (np.diff(np.sort(indices, axis=1), axis=1) > 0).all()


def test_soft_encode_on_ties_and_cell_borders():
    steps = np.arange(-300, 301, 2.5, dtype=np.float32)
    ab = np.stack(np.meshgrid(steps, steps), axis=-1)
    indices, weights = map(np.asarray, bins.soft_encode(ab))
    _, expected = _brute_force(ab.reshape(-1, 2))
    np.testing.assert_allclose(weights.reshape(-1, 5), expected, rtol=0, atol=2e-5)
    tied = weights[..., :-1] == weights[..., 1:]
    assert tied.any()
    # Far away many weights vanish, so only a tie with weight says something on order.
    tied &= weights[..., 1:] > 0.01
    assert (np.diff(indices, axis=-1)[tied] > 0).all()


def test_soft_encode_equals_scikit_learn():
    ab = rgb2lab(_RNG.random((5000, 3)))[:, 1:].astype(np.float32)
    distance, expected = NearestNeighbors(n_neighbors=5).fit(_CENTRES).kneighbors(ab)
    indices, weights = bins.soft_encode(ab)
    assert np.array_equal(indices, expected)
    gaussian = np.exp(-(distance**2) / 50)
    gaussian /= gaussian.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, gaussian, rtol=0, atol=1e-5)


def test_soft_encode_shapes_and_transforms():
    ab = _RNG.uniform(-110, 110, (8, 3, 4, 2)).astype(np.float32)
    indices, weights = bins.soft_encode(ab)
    assert indices.shape == weights.shape == (8, 3, 4, 5)
    assert (indices.dtype, weights.dtype) == (jnp.int32, jnp.float32)
    for transform in (jax.jit, jax.vmap, jax.pmap):
        again = transform(bins.soft_encode)(ab)
        assert np.array_equal(again[0], indices)
        np.testing.assert_allclose(np.asarray(again[1]), weights, rtol=0, atol=1e-6)
    one_index, _ = bins.soft_encode(ab[0, 0, 0])
    assert np.array_equal(one_index, indices[0, 0, 0])


def test_soft_encode_passes_nan_on():
    _, weights = bins.soft_encode(np.float32([[np.nan, 0.0], [0.0, 0.0]]))
    assert np.isnan(np.asarray(weights[0])).all()
    assert np.isfinite(np.asarray(weights[1])).all()


@pytest.mark.parametrize("temperature", [0.38, 1.0, 3.0])
def test_annealed_mean_equals_float64(temperature: float):
    logits = _RNG.normal(0, 5, (4, 6, 313)).astype(np.float32)
    power = np.exp(logits.astype(np.float64) / temperature)
    expected = power @ _CENTRES / power.sum(axis=-1, keepdims=True)
    ab = jax.jit(bins.annealed_mean)(logits, jnp.float32(temperature))
    np.testing.assert_allclose(np.asarray(ab), expected, rtol=0, atol=1e-3)
    half = bins.annealed_mean(jnp.asarray(logits, jnp.bfloat16), temperature)
    assert half.dtype == jnp.float32


def test_annealed_mean_goes_to_the_likeliest_bin():
    logits = jnp.asarray(_RNG.permuted(np.linspace(0, 10, 313)), jnp.float32)
    for temperature in (1e-4, 1e-39):
        ab = bins.annealed_mean(logits, temperature)
        np.testing.assert_allclose(ab, bins.CENTRES[logits.argmax()], rtol=0, atol=1e-4)


def test_count_adds_up_over_batches():
    ab = rgb2lab(_RNG.random((6000, 3)))[:, 1:].astype(np.float32)
    count = jax.jit(bins.count)
    whole = np.asarray(count(ab.reshape(60, 100, 2)))
    nearest = NearestNeighbors(n_neighbors=1).fit(_CENTRES).kneighbors(ab)[1][:, 0]
    assert np.array_equal(whole, np.bincount(nearest, minlength=313))
    assert np.array_equal(count(ab[:3000]) + count(ab[3000:]), whole)


def _prior() -> np.ndarray:
    prior = np.exp(-(_CENTRES**2).sum(axis=1) / 800)
    prior[_RNG.random(313) < 0.3] = 0
    return prior / prior.sum()


def test_smooth_prior_equals_a_loop():
    prior = _prior()
    expected = np.zeros(313)
    for j in range(313):
        spread = np.exp(-((_CENTRES - _CENTRES[j]) ** 2).sum(axis=1) / 50)
        expected += prior[j] * spread / spread.sum()
    smoothed = np.asarray(bins.smooth_prior(prior))
    np.testing.assert_allclose(smoothed, expected, rtol=1e-5, atol=1e-8)
    assert smoothed.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("lam", [0.1, 0.5, 1.0])
def test_rebalancing_weights(lam: float):
    prior = _prior()
    weights = np.asarray(bins.rebalancing_weights(prior, lam))
    counts = bins.rebalancing_weights(1e6 * prior, lam)
    np.testing.assert_allclose(counts, weights, rtol=1e-5)
    smoothed = np.asarray(bins.smooth_prior(prior), np.float64)
    assert (smoothed * weights).sum() == pytest.approx(1, abs=1e-5)
    mixed = (1 - lam) * smoothed + lam / 313
    np.testing.assert_allclose(weights * mixed, (weights * mixed)[0], rtol=1e-5)
    if lam == 1:
        np.testing.assert_allclose(weights, 1, rtol=1e-5)
    else:
        assert weights[smoothed.argmin()] > weights[smoothed.argmax()]
