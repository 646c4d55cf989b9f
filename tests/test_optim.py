"""The optimiser against Adam written out by hand, and the schedules at single steps."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from colorflax import config
from colorflax.errors import UserError
from colorflax.training import optim
from configs import fusion


def _settings(**changes: Any) -> config.Optim:
    values = fusion.get_config().to_dict()
    values["optim"] = {"learning_rate": 0.1} | changes
    return config.parse(values).optim


PARAMS = {
    "kernel": np.array([[1.0, -2.0], [0.5, 3.0]], np.float32),
    "bias": np.array([0.3, -0.7], np.float32),
}
GRADIENTS = [
    jax.tree.map(lambda x, scale=scale: np.sin(scale * x).astype(np.float32), PARAMS)
    for scale in (5.0, 1.0, 3.0, 2.0)
]


def _by_hand(
    rates: list[float], decay: float, clip: float, b1: float, b2: float
) -> Any:
    """Kingma & Ba, algorithm 1, in float64, after what happens to the gradient."""
    params = {k: v.astype(np.float64) for k, v in PARAMS.items()}
    m = {k: np.zeros_like(v) for k, v in params.items()}
    v = {k: np.zeros_like(v) for k, v in params.items()}
    for t, (rate, gradients) in enumerate(zip(rates, GRADIENTS, strict=True), 1):
        length = math.sqrt(sum(np.sum(np.square(g)) for g in gradients.values()))
        shrink = min(1, clip / length) if clip else 1
        for k, gradient in gradients.items():
            g = gradient * shrink + (decay * params[k] if k == "kernel" else 0)
            m[k] = b1 * m[k] + (1 - b1) * g
            v[k] = b2 * v[k] + (1 - b2) * g**2
            up = m[k] / (1 - b1**t)
            params[k] -= rate * up / (np.sqrt(v[k] / (1 - b2**t)) + 1e-8)
    return params


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({}, [0.1, 0.1, 0.1, 0.1]),
        ({"beta1": 0.5, "beta2": 0.99}, [0.1, 0.1, 0.1, 0.1]),
        ({"weight_decay": 0.3}, [0.1, 0.1, 0.1, 0.1]),
        ({"clip": 0.8}, [0.1, 0.1, 0.1, 0.1]),
        ({"clip": 0.8, "weight_decay": 0.3}, [0.1, 0.1, 0.1, 0.1]),
        ({"schedule": "step", "drops": "2:0.01,3:0.002"}, [0.1, 0.1, 0.01, 0.002]),
        ({"warmup_steps": 2}, [0.05, 0.1, 0.1, 0.1]),
        (
            {"schedule": "cosine", "cosine_steps": 4, "warmup_steps": 1},
            [0.1, 0.1, 0.075, 0.025],
        ),
    ],
)
def test_updates_are_those_of_the_paper(
    changes: dict[str, Any], rates: list[float]
) -> None:
    settings = _settings(**changes)
    optimizer = optim.build(settings)
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = optimizer.init(params)
    for gradients in GRADIENTS:
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    expected = _by_hand(
        rates, settings.weight_decay, settings.clip, settings.beta1, settings.beta2
    )
    for name in PARAMS:
        # 1 - beta2^t keeps four digits in float32.
        np.testing.assert_allclose(params[name], expected[name], atol=1e-5)


def test_schedules_at_single_steps() -> None:
    paper = optim.schedule(
        _settings(
            learning_rate=3e-5, schedule="step", drops="200000:1e-5,375000:3e-6"
        )
    )  # fmt: skip
    for step, rate in (
        (0, 3e-5), (199_999, 3e-5), (200_000, 1e-5), (374_999, 1e-5), (375_000, 3e-6),
        (450_000, 3e-6),
    ):  # fmt: skip
        assert float(paper(jnp.asarray(step))) == pytest.approx(rate)
    cosine = optim.schedule(
        _settings(schedule="cosine", cosine_steps=110, warmup_steps=10)
    )
    for step, rate in ((0, 0.01), (9, 0.1), (10, 0.1), (60, 0.05), (110, 0), (999, 0)):
        assert float(cosine(jnp.asarray(step))) == pytest.approx(rate, abs=1e-8)


def test_a_constant_rate_keeps_the_state_of_older_checkpoints() -> None:
    ours = jax.tree.structure(optim.build(_settings()).init(PARAMS))
    assert ours == jax.tree.structure(optax.adam(0.1).init(PARAMS))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "linear"}, "should be constant or step or cosine"),
        ({"schedule": "step"}, "schedule=step and config.optim.drops need each other"),
        ({"drops": "5:0.1"}, "schedule=step and config.optim.drops need each other"),
        ({"cosine_steps": 5}, "schedule=cosine and config.optim.cosine_steps need"),
        ({"schedule": "step", "drops": "5"}, "'5' should be STEP:RATE"),
        ({"schedule": "step", "drops": "5:x"}, "'5:x' should be STEP:RATE"),
        ({"schedule": "step", "drops": "5:nan"}, "positive rates"),
        ({"schedule": "step", "drops": "0:0.1"}, "rising steps"),
        ({"schedule": "step", "drops": "5:0.1,5:0.2"}, "rising steps"),
        (
            {"schedule": "step", "drops": "5:0.1", "warmup_steps": 6},
            "begins before the config.optim.warmup_steps=6",
        ),
        (
            {"schedule": "cosine", "cosine_steps": 5, "warmup_steps": 5},
            "leaves nothing of the config.optim.cosine_steps=5",
        ),
        ({"beta2": 1.0}, r"beta2 should be at least 0 and below 1, not 1"),
        ({"weight_decay": -1.0}, "weight_decay should be at least 0, not -1"),
        ({"clip": -1.0}, "clip should be at least 0, not -1"),
        ({"warmup_steps": -1}, "warmup_steps should be at least 0, not -1"),
    ],
)
def test_bad_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _settings(**changes)


@pytest.mark.parametrize("left", range(6))
@pytest.mark.parametrize("right", range(6))
def test_states_fit_where_their_parts_are_the_same(left: int, right: int) -> None:
    kinds: list[dict[str, Any]] = [
        {}, {"clip": 1.0}, {"weight_decay": 0.1}, {"warmup_steps": 2},
        {"schedule": "cosine", "cosine_steps": 9}, {"clip": 2.0, "beta1": 0.5},
    ]  # fmt: skip
    settings = [_settings(**kinds[i]) for i in (left, right)]
    states = [optim.build(s).init(PARAMS) for s in settings]
    same = jax.tree.structure(states[0]) == jax.tree.structure(states[1])
    assert (optim.parts(settings[0]) == optim.parts(settings[1])) == same
