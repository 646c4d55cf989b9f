"""Losses against float64 numpy, and the memory the sparse one promises."""

import dataclasses
import inspect
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from colorflax import config
from colorflax.color.bins import CENTRES, rebalancing_weights, soft_encode
from colorflax.errors import UserError
from colorflax.objectives import (
    Classification,
    Regression,
    build,
    sparse_cross_entropy,
)
from configs import fusion

RNG = np.random.default_rng(0)


def _targets(shape: tuple[int, ...], q: int = 313) -> tuple[np.ndarray, np.ndarray]:
    indices = np.argsort(RNG.random((*shape, q)), axis=-1)[..., :5].astype(np.int32)
    weights = RNG.random((*shape, 5)).astype(np.float32)
    return indices, weights / weights.sum(-1, keepdims=True)


def _dense(indices: np.ndarray, weights: np.ndarray, q: int = 313) -> np.ndarray:
    target = np.zeros((*indices.shape[:-1], q))
    np.put_along_axis(target, indices, weights.astype(np.float64), axis=-1)
    return target


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    x = logits.astype(np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


@pytest.mark.parametrize("scale", [1.0, 30.0, 300.0])
def test_cross_entropy_equals_dense_float64(scale: float) -> None:
    logits = (RNG.normal(size=(3, 7, 5, 313)) * scale).astype(np.float32)
    indices, weights = _targets((3, 7, 5))
    target, log_p = _dense(indices, weights), _log_softmax(logits)
    ours = sparse_cross_entropy(*map(jnp.asarray, (logits, indices, weights)))
    np.testing.assert_allclose(ours, -(target * log_p).sum(-1), rtol=1e-5)
    g = RNG.normal(size=(3, 7, 5)).astype(np.float32)
    _, vjp = jax.vjp(
        lambda x: sparse_cross_entropy(x, jnp.asarray(indices), jnp.asarray(weights)),
        jnp.asarray(logits),
    )
    expected = g[..., None] * (np.exp(log_p) - target)
    np.testing.assert_allclose(vjp(jnp.asarray(g))[0], expected, atol=1e-5)


def test_cross_entropy_gradient_when_weights_do_not_sum_to_one() -> None:
    logits = RNG.normal(size=(4, 313)).astype(np.float32)
    indices, weights = _targets((4,))
    weights = weights * np.float32(0.3)

    def naive(x: jax.Array, w: jax.Array) -> jax.Array:
        log_p = jax.nn.log_softmax(x)
        return -jnp.sum(w * jnp.take_along_axis(log_p, jnp.asarray(indices), -1))

    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.sum(sparse_cross_entropy(x, jnp.asarray(indices), w))

    for k in range(2):
        np.testing.assert_allclose(
            jax.grad(ours, k)(*map(jnp.asarray, (logits, weights))),
            jax.grad(naive, k)(logits, weights),
            atol=1e-5,
        )


def _memory(loss, *shapes: tuple[int, ...]) -> int:
    """Bytes of arguments, results and everything between, loss and gradient."""
    specs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    m = jax.jit(jax.value_and_grad(loss)).lower(*specs).compile().memory_analysis()
    return m.argument_size_in_bytes + m.output_size_in_bytes + m.temp_size_in_bytes


def test_cross_entropy_memory() -> None:
    """Logits, their gradient and little more, where a dense target needs twice that."""
    shape = (8, 32, 32, 313)
    indices, weights = _targets(shape[:3])

    def ours(x: jax.Array) -> jax.Array:
        return jnp.mean(
            sparse_cross_entropy(x, jnp.asarray(indices), jnp.asarray(weights))
        )

    def dense(x: jax.Array, target: jax.Array) -> jax.Array:
        return -jnp.mean(jnp.sum(target * jax.nn.log_softmax(x), axis=-1))

    logits = 4 * np.prod(shape)
    assert _memory(ours, shape) <= 2.2 * logits
    assert _memory(dense, shape, shape) >= 3 * logits


def test_regression_is_the_papers_mse() -> None:
    head = RNG.normal(size=(2, 4, 5, 2)).astype(np.float32)
    ab = RNG.uniform(-80, 80, size=(2, 7, 10, 2)).astype(np.float32)
    big = np.kron(np.tanh(head.astype(np.float64)), np.ones((1, 2, 2, 1)))[:, :7, :10]
    expected = ((big - ab / 127) ** 2).mean((1, 2, 3))
    np.testing.assert_allclose(
        Regression(stride=2).loss(jnp.asarray(head), jnp.asarray(ab)),
        expected,
        rtol=1e-5,
    )


@pytest.mark.parametrize("objective", [Regression(stride=2), Regression(stride=4)])
def test_regression_decodes_what_it_was_asked_for(objective: Regression) -> None:
    ab = np.full((1, 8, 8, 2), [40.0, -60.0], np.float32)
    side = 8 // objective.stride
    head = np.arctanh(ab[:, :side, :side] / 127)
    np.testing.assert_allclose(
        objective.decode(jnp.asarray(head)), ab[:, :side, :side], rtol=1e-4
    )
    np.testing.assert_allclose(
        objective.loss(jnp.asarray(head), jnp.asarray(ab)), 0, atol=1e-10
    )


@pytest.mark.parametrize("objective", [Regression(), Classification()])
def test_a_head_of_another_shape_is_refused(
    objective: Regression | Classification,
) -> None:
    ab, (side, q) = jnp.zeros((2, 9, 16, 2)), (objective.stride, objective.channels)
    right = (2, -(-9 // side), 16 // side, q)
    assert objective.loss(jnp.zeros(right), ab).shape == (2,)
    for axis in (1, 2):  # what its annotation does not see to
        for size in (1, right[axis] + 1):
            wrong = (*right[:axis], size, *right[axis + 1 :])
            with pytest.raises(ValueError, match=f"{q} channels at stride {side}"):
                objective.loss(jnp.zeros(wrong), ab)


def test_names_that_are_not_built_are_not_mistaken_for_others() -> None:
    settings = config.parse(fusion.get_config()).objective.__dict__
    for other in ({"name": "mine"}, {"loss": "l1"}):
        mine = types.SimpleNamespace(**settings | other)
        with pytest.raises(NotImplementedError, match="build: no "):
            inspect.unwrap(build)(mine, 2, None)


def test_logits_of_bfloat16_cost_what_they_are() -> None:
    logits = jnp.asarray(RNG.normal(0, 3, (1, 4, 4, 313)), jnp.bfloat16)
    ab = jnp.asarray(RNG.normal(0, 30, (1, 16, 16, 2)), jnp.float32)
    cost = lambda logits: Classification().loss(logits, ab).sum()  # noqa: E731
    (ours, slope), (exact, exact_slope) = (
        jax.value_and_grad(cost)(x) for x in (logits, logits.astype(jnp.float32))
    )
    assert ours == exact
    assert slope.dtype == jnp.bfloat16
    np.testing.assert_array_equal(slope, exact_slope.astype(jnp.bfloat16))


@pytest.mark.parametrize("delta", [0.5, 10.0, 300.0])
def test_huber_is_the_square_near_and_even_far(delta: float) -> None:
    head = RNG.normal(size=(2, 4, 5, 2)).astype(np.float32)
    ab = RNG.uniform(-80, 80, size=(2, 8, 10, 2)).astype(np.float32)
    big = np.kron(np.tanh(head.astype(np.float64)), np.ones((1, 2, 2, 1)))
    error = np.abs(127 * big - ab)  # in ab units, where delta is given
    cost = np.where(error <= delta, error**2 / 2, delta * (error - delta / 2))
    loss = Regression(stride=2, delta=delta).loss(jnp.asarray(head), jnp.asarray(ab))
    np.testing.assert_allclose(loss, cost.mean((1, 2, 3)) / 127**2, rtol=1e-5)
    if delta == 300:  # farther than any error: half the squares
        squares = Regression(stride=2).loss(jnp.asarray(head), jnp.asarray(ab))
        np.testing.assert_allclose(2 * loss, squares, rtol=1e-5)


def _build(prior: np.ndarray | None, **changes: object) -> Classification:
    settings = config.Objective(
        name="classification", rebalance=1.0, prior="", temperature=0.38
    )
    changed = dataclasses.replace(settings, **changes)
    objective = build(changed, stride=4, prior=prior)
    assert isinstance(objective, Classification)
    return objective


def test_tau_decodes_by_tilted_logits() -> None:
    prior = RNG.dirichlet(np.full(313, 0.3))
    head = RNG.normal(0, 3, (1, 2, 3, 313)).astype(np.float32)
    w = np.asarray(rebalancing_weights(prior), np.float64)
    for tau in (0.0, 0.5, -1.0):
        z = (head + tau * np.log(w)) / 0.38
        p = np.exp(_log_softmax(z))
        decoded = _build(prior, tau=tau).decode(jnp.asarray(head))
        np.testing.assert_allclose(decoded, p @ CENTRES, atol=2e-3)
    plain = _build(None).decode(jnp.asarray(head))
    np.testing.assert_array_equal(
        _build(prior, tau=0.0).decode(jnp.asarray(head)), plain
    )
    with pytest.raises(UserError, match="tau=0.5 needs the prior"):
        _build(None, tau=0.5)


def test_gain_keeps_the_hue() -> None:
    head = RNG.normal(0, 3, (1, 2, 3, 313)).astype(np.float32)
    plain, vivid = (_build(None, gain=g).decode(jnp.asarray(head)) for g in (1.0, 1.5))
    np.testing.assert_allclose(vivid, 1.5 * np.asarray(plain), rtol=1e-6)
    pair = jnp.asarray(head[..., :2])
    plain, vivid = (Regression(gain=g).decode(pair) for g in (1.0, 2.0))
    np.testing.assert_allclose(vivid, 2 * np.asarray(plain), rtol=1e-6)


def test_tau_of_1_says_what_rebalanced_training_ends_in() -> None:
    """The best answer under weights w is the best one without them, tilted."""
    prior = RNG.dirichlet(np.full(313, 0.3))
    shares = RNG.dirichlet(np.full(6, 1.0))  # of the colours that look alike
    chosen = RNG.choice(313, 6, replace=False)
    w = np.asarray(rebalancing_weights(prior), np.float64)
    best = w[chosen] * shares / (w[chosen] @ shares)  # of the sum of w p log q
    logits = np.full((1, 1, 1, 313), -60.0, np.float32)
    logits[..., chosen] = np.log(shares)
    tilted = np.asarray(_build(prior, tau=1.0).tilted(jnp.asarray(logits)))
    p = np.exp(_log_softmax(tilted))[0, 0, 0, chosen]
    np.testing.assert_allclose(p, best, rtol=1e-4)


def test_classification_at_its_own_target_costs_its_entropy() -> None:
    """With logits = log of the encoded colour, no other logits cost less."""
    ab = np.full((1, 8, 8, 2), [23.0, -31.0], np.float32)
    objective = Classification(stride=4, temperature=1.0)
    indices, weights = soft_encode(ab[:, ::4, ::4])
    target = _dense(np.asarray(indices), np.asarray(weights))
    logits = np.log(target + 1e-12).astype(np.float32)
    entropy = -(target * np.log(target + 1e-12)).sum(-1).mean()
    np.testing.assert_allclose(
        objective.loss(jnp.asarray(logits), jnp.asarray(ab)), [entropy], rtol=1e-4
    )
    worse = logits + RNG.normal(size=logits.shape).astype(np.float32)
    assert objective.loss(jnp.asarray(worse), jnp.asarray(ab))[0] > entropy + 0.1
    np.testing.assert_allclose(
        objective.decode(jnp.asarray(logits))[0, 0, 0], ab[0, 0, 0], atol=1
    )


def test_classification_targets_the_mean_of_what_a_head_pixel_covers() -> None:
    ab = RNG.uniform(-60, 60, size=(1, 8, 8, 2)).astype(np.float32)
    mean = ab.reshape(1, 2, 4, 2, 4, 2).mean((2, 4))
    flat = np.repeat(np.repeat(mean, 4, 1), 4, 2)
    head = RNG.normal(size=(1, 2, 2, 313)).astype(np.float32)
    objective = Classification(stride=4)
    np.testing.assert_allclose(
        objective.loss(jnp.asarray(head), jnp.asarray(ab)),
        objective.loss(jnp.asarray(head), jnp.asarray(flat)),
        rtol=1e-5,
    )


def test_rebalancing_weighs_a_pixel_by_its_nearest_bin() -> None:
    weights = RNG.random(313).astype(np.float32)
    red = np.full((1, 4, 4, 2), CENTRES[300], np.float32)
    head = RNG.normal(size=(1, 1, 1, 313)).astype(np.float32)
    plain = Classification(stride=4).loss(jnp.asarray(head), jnp.asarray(red))
    weighted = Classification(stride=4, rebalancing=weights).loss(
        jnp.asarray(head), jnp.asarray(red)
    )
    np.testing.assert_allclose(weighted, plain * weights[300], rtol=1e-5)


@pytest.mark.parametrize("objective", [Regression(), Classification()])
def test_one_cost_per_example(objective: Regression | Classification) -> None:
    """An example costs the same alone and in company."""
    ab = RNG.uniform(-60, 60, size=(3, 8, 8, 2)).astype(np.float32)
    side = 8 // objective.stride
    head = RNG.normal(size=(3, side, side, objective.channels)).astype(np.float32)
    together = objective.loss(jnp.asarray(head), jnp.asarray(ab))
    assert together.shape == (3,)
    for i in range(3):
        alone = objective.loss(jnp.asarray(head[i : i + 1]), jnp.asarray(ab[i : i + 1]))
        np.testing.assert_allclose(together[i], alone[0], rtol=1e-5)
    assert not np.allclose(together[0], together[1])
