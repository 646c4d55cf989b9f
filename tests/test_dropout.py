"""What training leaves out: its share, by photograph, and nothing otherwise."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from colorflax import config, models
from colorflax.models.dropout import Dropout
from colorflax.training import steps
from colorflax.training.tasks import Colorization
from configs import unet

KEYS = jax.random.split(jax.random.key(3), 2_000)
L = jax.random.uniform(jax.random.key(0), (4, 32, 32, 1), maxval=100.0)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.unet, "_WIDTHS", (8, 12, 16))


def _network(rate: float) -> models.UNet:
    return models.UNet(channels=5, dropout=rate)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_a_share_is_left_out_and_the_rest_made_up_for(rate: float) -> None:
    drop = Dropout(KEYS, rate)
    x = jnp.ones((len(KEYS), 2, 3, 16))
    left = np.asarray(drop.channels(x))
    np.testing.assert_allclose(np.unique(left), [0, 1 / (1 - rate)], rtol=1e-6)
    assert (left == left[:, :1, :1]).all()  # channels as a whole
    gone = left[:, 0, 0] == 0
    # 32,000 draws: five standard deviations are below 0.014.
    np.testing.assert_allclose(gone.mean(), rate, atol=0.014)
    np.testing.assert_allclose(gone.mean(axis=0), rate, atol=0.06)
    assert gone.mean(axis=1).std() > 0.05  # not as many in each photograph
    branch = drop.branch(x)
    assert branch is not None
    assert branch.shape == (len(KEYS), 1, 1, 1)
    np.testing.assert_allclose((np.asarray(branch) == 0).mean(), rate, atol=0.06)


def test_each_draw_is_another_and_each_photograph_has_its_own() -> None:
    x = jnp.ones((4, 64))
    drop = Dropout(KEYS[:4], 0.5)
    first, second = (np.asarray(drop.channels(x)) for _ in range(2))
    for a, b in ((first, second), (first[0], first[1])):
        assert 0.3 < (a != b).mean() < 0.7
    # Wherever it lies, and whatever lies beside it.
    again = Dropout(KEYS[jnp.array([2, 0])], 0.5).channels(x[:2])
    np.testing.assert_array_equal(again, first[jnp.array([2, 0])])


def test_nothing_is_left_out_without_keys_or_rate() -> None:
    variables = jax.jit(_network(0.5).init)(jax.random.key(1), L)
    head = [
        jax.jit(_network(rate).apply)(variables, L, keys=keys)
        for rate, keys in ((0.0, None), (0.5, None), (0.0, KEYS[:4]))
    ]
    np.testing.assert_array_equal(head[0], head[1])
    np.testing.assert_array_equal(head[0], head[2])
    left = jax.jit(_network(0.5).apply)(variables, L, keys=KEYS[:4])
    assert (jnp.abs(left - head[0]).mean((1, 2, 3)) > 1e-3).all()


def test_devices_agree_and_steps_differ() -> None:
    """One update by plain descent, which hides nothing: jit on one, pmap on two."""
    values = unet.get_config()
    values.model.dropout = 0.3
    task = Colorization.build(config.parse(values), prior=np.full(313, 1 / 313))
    rgb = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8)
    batch = {"rgb": rgb.repeat(8, 1).repeat(8, 2)}

    def step(task: Colorization, parallel: str, count: int, seed: int = 0) -> Any:
        task = dataclasses.replace(task, optimizer=optax.sgd(1.0), ema=0.0)
        lane = steps.lane(task, parallel, seed, jax.devices()[:count])
        begun = steps.lane(task, parallel, 0, jax.devices()[:count]).init(batch)
        state, scalars = lane.train_step(begun, batch)
        return jax.device_get((state.params, scalars))

    one, two = step(task, "jit", 1), step(task, "pmap", 2)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5), one, two
    )
    other = step(task, "jit", 1, seed=1)
    assert abs(other[1]["loss"] - one[1]["loss"]) > 1e-3
