"""Draws follow the distribution pixel by pixel, and hang together over the picture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from colorflax.color import bins
from colorflax.painting import posterior

KEYS = jax.random.split(jax.random.key(0), 3000)
draw = jax.jit(posterior.draw)


def _logits(p: np.ndarray, h: int = 1, w: int = 1) -> jax.Array:
    logits = np.where(p > 0, np.log(np.maximum(p, 1e-30)), -np.inf)
    return jnp.asarray(np.broadcast_to(logits, (1, h, w, bins.COUNT)), jnp.float32)


def _nearest(ab: np.ndarray) -> np.ndarray:
    return np.square(ab[:, None] - bins.CENTRES).sum(-1).argmin(-1)


def test_a_pixel_is_an_exact_draw() -> None:
    """Shares of the bins against their probabilities: chi-square over 24 bins."""
    rng = np.random.default_rng(1)
    p = np.zeros(bins.COUNT)
    some = rng.choice(bins.COUNT, 24, replace=False)
    p[some] = rng.dirichlet(np.full(24, 3.0))
    ab, logp = jax.vmap(draw, in_axes=(None, 0))(_logits(p), KEYS)
    which = _nearest(np.asarray(ab)[:, 0, 0, 0])
    assert set(which) <= set(some)
    counts = np.bincount(which, minlength=bins.COUNT)[some]
    expected = len(KEYS) * p[some]
    chi = (np.square(counts - expected) / expected).sum()
    assert chi < 23 + 4 * np.sqrt(2 * 23)
    np.testing.assert_allclose(
        np.asarray(logp)[:, 0, 0, 0], np.log(p[which]), rtol=1e-3
    )


def test_draws_fill_the_square_of_a_bin() -> None:
    p = np.zeros(bins.COUNT)
    p[100] = 1
    ab, logp = jax.vmap(draw, in_axes=(None, 0))(_logits(p), KEYS)
    off = np.asarray(ab)[:, 0, 0, 0] - bins.CENTRES[100]
    assert np.abs(off).max() <= 5 + 1e-4
    np.testing.assert_allclose(off.mean(0), 0, atol=0.3)
    np.testing.assert_allclose(off.std(0), 10 / np.sqrt(12), rtol=0.05)
    np.testing.assert_allclose(logp, 0, atol=1e-5)


def test_a_picture_hangs_together_and_differs_from_the_next() -> None:
    """Two kinds of pixels, each with two colours to choose from, side by side."""
    p = np.zeros(bins.COUNT)
    p[[40, 250]] = 0.5
    logits = _logits(p, 24, 24)
    pictures = np.stack([np.asarray(draw(logits, key)[0])[0] for key in KEYS[:40]])
    steps = np.linalg.norm(np.diff(pictures, axis=2), axis=-1)
    # A pixel's own coin would change colour at half of all steps.
    assert (steps > 50).mean() < 0.05
    middle = _nearest(pictures[:, 12, 12])
    assert 8 <= (middle == 40).sum() <= 32


def test_likelier_draws_have_the_larger_probability() -> None:
    p = np.zeros(bins.COUNT)
    p[40], p[250] = 0.9, 0.1
    ab, logp = jax.vmap(draw, in_axes=(None, 0))(_logits(p), KEYS[:200])
    which = _nearest(np.asarray(ab)[:, 0, 0, 0])
    logp = np.asarray(logp)[:, 0, 0, 0]
    assert set(which) == {40, 250}
    np.testing.assert_allclose(np.exp(logp), np.where(which == 40, 0.9, 0.1), rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3)])
def test_shapes(shape: tuple[int, int]) -> None:
    logits = jnp.zeros((2, *shape, bins.COUNT))
    ab, logp = draw(logits, KEYS[0])
    assert ab.shape == (2, *shape, 2)
    assert logp.shape == (2, *shape)
    assert np.isfinite(ab).all()
    assert not np.array_equal(ab[0], ab[1])


def test_confidence() -> None:
    """From even to certain, against the definition."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(bins.COUNT, 0.1), size=(4, 5))
    expected = 1 + (p * np.log(np.maximum(p, 1e-300))).sum(-1) / np.log(bins.COUNT)
    ours = posterior.confidence(jnp.log(jnp.asarray(np.maximum(p, 1e-30), jnp.float32)))
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert float(posterior.confidence(jnp.zeros(bins.COUNT))) == pytest.approx(
        0, abs=1e-6
    )
    certain = jnp.where(jnp.arange(bins.COUNT) == 3, 1e4, 0.0)
    assert float(posterior.confidence(certain)) == pytest.approx(1)
