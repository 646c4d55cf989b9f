"""Bits and calibration, counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from colorflax.color import bins
from colorflax.metrics import calibration


def _parts(found: dict[str, jax.Array]) -> np.ndarray:
    return np.concatenate(
        [np.asarray(found[k], float) for k in ("stated", "right", "pixels_at")], axis=1
    )


def _logits(p: np.ndarray, index: np.ndarray) -> jax.Array:
    """Probability p for bin `index`, the rest shared by all others."""
    rest = np.log((1 - p) / (bins.COUNT - 1))
    logits = np.repeat(rest[..., None], bins.COUNT, axis=-1)
    np.put_along_axis(logits, index[..., None], np.log(p)[..., None], axis=-1)
    return jnp.asarray(logits + 7, jnp.float32)  # a constant means nothing


def test_bits_and_error_by_hand() -> None:
    """Four pixels of the head say 0.9, right thrice; four say 0.3, right once."""
    true = np.array([[10, 50, 100, 150], [200, 250, 300, 312]])
    said = true.copy()
    said[0, 3] = 0
    said[1, 1:] = 5
    p = np.array([[0.9] * 4, [0.3] * 4])
    ab = np.kron(bins.CENTRES[true][None], np.ones((1, 2, 2, 1))).astype(np.float32)
    mask = np.ones((1, 2, 4), bool)
    found = calibration.sums(
        _logits(p, said)[None], jnp.asarray(ab), 2, jnp.asarray(mask)
    )
    expected = -3 * np.log2(0.9) - np.log2(0.1 / 312)
    expected += -np.log2(0.3) - 3 * np.log2(0.7 / 312)
    assert float(found["bits"][0]) == pytest.approx(expected, rel=1e-5)
    assert found["pixels"][0] == 8
    by_hand = 0.5 * abs(0.9 - 0.75) + 0.5 * abs(0.3 - 0.25)
    assert calibration.error(_parts(found))[0] == pytest.approx(by_hand, abs=1e-6)
    mask[:, 1] = False
    found = calibration.sums(
        _logits(p, said)[None], jnp.asarray(ab), 2, jnp.asarray(mask)
    )
    assert calibration.error(_parts(found))[0] == pytest.approx(0.15, abs=1e-6)


def test_nothing_known_takes_log_of_313_bits() -> None:
    ab = np.random.default_rng(0).normal(0, 30, (2, 8, 8, 2)).astype(np.float32)
    found = calibration.sums(
        jnp.zeros((2, 2, 2, 313)), jnp.asarray(ab), 4, jnp.ones((2, 2, 2), bool)
    )
    np.testing.assert_allclose(found["bits"] / found["pixels"], np.log2(313), rtol=1e-6)


def test_one_who_draws_from_what_he_states_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 1, (1, 200, 200))
    said = rng.integers(0, bins.COUNT, p.shape)
    right = rng.random(p.shape) < p
    true = np.where(right, said, (said + 1) % bins.COUNT)
    ab = jnp.asarray(bins.CENTRES[true])
    all_of_them = jnp.ones(p.shape, bool)
    honest = calibration.sums(_logits(p, said), ab, 1, all_of_them)
    boasting = calibration.sums(_logits(p**0.25, said), ab, 1, all_of_them)
    assert calibration.error(_parts(honest))[0] < 0.02
    assert calibration.error(_parts(boasting))[0] > 0.15
