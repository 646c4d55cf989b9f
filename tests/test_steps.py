"""One pure step in two lanes: it learns, and its numbers are right."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color, metrics
from small import EMBEDDING, Line, small_task

from colorflax import config
from colorflax.machines import sharding
from colorflax.training import steps
from colorflax.training.state import AveragedState, TrainState
from colorflax.training.tasks import Colorization
from configs import fusion

RNG = np.random.default_rng(0)


def _batch(n: int = 8) -> dict[str, np.ndarray]:
    coarse = RNG.integers(0, 256, (n, 4, 4, 3), np.uint8)
    return {
        "rgb": coarse.repeat(4, 1).repeat(4, 2),
        "embedding": RNG.normal(size=(n, EMBEDDING)).astype(np.float32),
    }


BATCH = _batch()


def test_fusion_in_both_lanes() -> None:
    """The network that is trained in earnest, on two devices."""
    build = Colorization.build(config.parse(fusion.get_config()), prior=None)
    norms = []
    for parallel in ("jit", "pmap"):
        lane = steps.lane(build, parallel, 0, jax.devices()[:2])
        _, scalars = lane.train_step(lane.init(BATCH), BATCH)
        norms.append(jax.device_get(scalars))
    for name, value in norms[0].items():
        np.testing.assert_allclose(norms[1][name], value, rtol=1e-5)


def test_batch_statistics_are_of_the_whole_batch() -> None:
    """By hand: one running mean after one step, of all eight examples."""
    task = small_task()
    lane = steps.lane(task, "pmap", 0)
    state = lane.init(BATCH)
    kernel = np.asarray(state.params["Conv_0"]["kernel"]).reshape(9, 8)
    lane_state, _ = lane.train_step(state, BATCH)
    L = color.rgb2lab(BATCH["rgb"])[..., 0] / 50 - 1
    L = np.pad(L, ((0, 0), (0, 1), (0, 1)))  # SAME at stride 2 on an even size
    taps = [L[:, i : i + 15 : 2, j : j + 15 : 2] for i in range(3) for j in range(3)]
    mean = np.stack(taps, -1).mean((0, 1, 2)) @ kernel
    running = lane_state.model_state["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(running, 0.01 * mean, atol=1e-6)


def test_training_learns() -> None:
    """The same batch over and over is learnt."""
    lane = steps.lane(small_task("classification"), "jit", 0, jax.devices()[:1])
    state = lane.init(BATCH)
    losses = []
    for _ in range(60):
        state, scalars = lane.train_step(state, BATCH)
        losses.append(float(scalars["loss"]))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("check", [True, False])
def test_in_a_loop_of_ones_own(pieces: int, check: bool) -> None:
    """`jax.shard_map` and `jit` make the same gradient of it."""
    mesh = sharding.mesh(jax.devices()[:4])
    task = small_task(accumulate=pieces)
    batch = jax.tree.map(jnp.asarray, BATCH)
    state, key = task.init(jax.random.key(0), batch), jax.random.key(1)
    _, whole = task.train_step(state, batch, key, None)

    def share(state: TrainState, batch: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return task.train_step(state, batch, key, sharding.AXIS)[1]

    each, all_of_it = (
        s.spec for s in (sharding.divided(mesh), sharding.replicated(mesh))
    )
    divided = jax.shard_map(
        share, mesh=mesh, in_specs=(all_of_it, each), out_specs=all_of_it,
        check_vma=check,
    )  # fmt: skip
    for name, value in jax.jit(divided)(state, batch).items():
        np.testing.assert_allclose(value, whole[name], rtol=2e-5)


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
@pytest.mark.parametrize("average", [True, False])
def test_what_a_state_was_made_of_outlives_its_steps(
    parallel: str, average: bool
) -> None:
    task = small_task(ema=0.9 if average else 0.0)
    batch = jax.tree.map(jnp.asarray, BATCH)
    variables = task.init(jax.random.key(0), batch).newest
    state = TrainState.create(variables, task.optimizer)
    if average:
        state = AveragedState.begin(state, 0.9)
    before = jax.device_get(variables)
    lane = steps.lane(task, parallel, 0, jax.devices()[:1])
    state, _ = lane.train_step(state, BATCH)
    jax.tree.map(np.testing.assert_array_equal, variables, before)
    assert int(state.step) == 1


def test_the_seed_decides_the_start() -> None:
    first, again, other = (
        jax.device_get(steps.lane(small_task(), "jit", seed).init(BATCH).params)
        for seed in (0, 0, 1)
    )
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(first["head"]["kernel"], other["head"]["kernel"])


def test_evaluation_beside_grey() -> None:
    """The grey baseline is the truth's own chroma; a grey photograph scores best."""
    task = small_task()
    lane = steps.lane(task, "jit", 0)
    batch = _batch() | {"mask": np.arange(8) < 5}
    batch["rgb"][0] = 127
    state = lane.init(batch)
    numbers, rows, mask = jax.device_get(lane.eval_step(state, batch))
    np.testing.assert_array_equal(mask, batch["mask"])
    lab = color.rgb2lab(batch["rgb"])
    expected = np.square(lab[..., 1:] / 127).mean((1, 2, 3))
    np.testing.assert_allclose(numbers["grey_mse"], expected, rtol=1e-4, atol=1e-9)
    assert numbers["grey_psnr"][0] == pytest.approx(58.92, abs=0.01)
    ab = task.predict(
        jax.device_get(state.variables),
        jnp.asarray(lab[..., :1], jnp.float32),
        jnp.asarray(batch["embedding"]),
    )
    expected = np.square((np.asarray(ab) - lab[..., 1:]) / 127).mean((1, 2, 3))
    np.testing.assert_allclose(numbers["mse"], expected, rtol=1e-4)
    left, _, right = np.split(rows, 3, axis=2)
    np.testing.assert_array_equal(right, batch["rgb"])
    lab[..., 1:] = 0
    for i in range(1, 8):
        theirs = metrics.peak_signal_noise_ratio(batch["rgb"][i], rows[i, :, 16:32])
        assert numbers["psnr"][i] == pytest.approx(theirs, abs=0.01)
        grey = np.round(color.lab2rgb(lab[i]).clip(0, 1) * 255).astype(np.uint8)
        theirs = metrics.peak_signal_noise_ratio(batch["rgb"][i], grey)
        assert numbers["grey_psnr"][i] == pytest.approx(theirs, abs=0.01)
        assert np.abs(left[i].astype(int) - grey).max() <= 1


@pytest.mark.parametrize("words", ["", "classification"])
def test_the_loss_of_evaluation_is_that_of_training(words: str) -> None:
    """Of one state and the same photographs, without statistics of a batch."""
    task = small_task(words)
    line = Line(task.objective.channels, task.objective.stride)
    task = dataclasses.replace(task, model=line)
    lane = steps.lane(task, "jit", 0, jax.devices()[:1])
    mask = {"mask": np.ones(len(BATCH["rgb"]), bool)}
    state = lane.init(BATCH)
    numbers, _, _ = jax.device_get(lane.eval_step(state, BATCH | mask))
    _, scalars = lane.train_step(state, BATCH)
    assert len(set(numbers["loss"])) > 1
    assert numbers["loss"].mean() == pytest.approx(float(scalars["loss"]), rel=1e-5)


def test_without_embedding() -> None:
    lane = steps.lane(small_task("classification"), "jit", 0)
    batch = {"rgb": BATCH["rgb"]}
    state, scalars = lane.train_step(lane.init(batch), batch)
    assert np.isfinite(float(scalars["loss"]))
    assert "fuse" not in state.params
