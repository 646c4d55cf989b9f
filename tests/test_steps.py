"""One pure step, two lanes, any number of devices: the same training."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from skimage import color, metrics

from colorflax import config, steps
from colorflax.tasks import Colorization
from configs import fusion

RNG = np.random.default_rng(0)
E_WIDTH = 6


class Small(nn.Module):
    """All that a step has to cope with: an embedding, and statistics of the batch."""

    channels: int
    stride: int

    @nn.compact
    def __call__(
        self,
        L: jax.Array,
        embedding: jax.Array | None = None,
        *,
        train: bool = False,
        axis: str | None = None,
    ) -> jax.Array:
        """L -> the head."""
        # A bias here would be undone by the normalisation: its gradient is rounding
        # alone, which Adam would blow up to full steps.
        x = nn.Conv(8, (3, 3), self.stride, use_bias=False)(L / 50 - 1)
        x = nn.BatchNorm(not train, axis_name=axis if train else None)(x)
        if embedding is not None:
            x = x + nn.Dense(8, name="fuse")(embedding)[:, None, None, :]
        return nn.Conv(self.channels, (3, 3), name="head")(nn.relu(x))


def _task(words: str = "") -> Colorization:
    task = Colorization.build(config.parse(fusion.get_config(words)), prior=None)
    model = Small(task.objective.channels, task.objective.stride)
    return dataclasses.replace(task, model=model)


def _batch(n: int = 8) -> dict[str, np.ndarray]:
    coarse = RNG.integers(0, 256, (n, 4, 4, 3), np.uint8)
    return {
        "rgb": coarse.repeat(4, 1).repeat(4, 2),
        "embedding": RNG.normal(size=(n, E_WIDTH)).astype(np.float32),
    }


BATCHES = [_batch() for _ in range(10)]


def _train(parallel: str, devices: int, words: str = "") -> tuple[list[float], Any]:
    lane = steps.lane(_task(words), parallel, 0, jax.devices()[:devices])
    state, losses = lane.init(BATCHES[0]), []
    with jax.transfer_guard("disallow"):
        for batch in BATCHES:
            state, scalars = lane.train_step(state, batch)
            losses.append(float(jax.device_get(scalars["loss"])))
    return losses, jax.device_get(state)


@pytest.fixture(scope="module")
def alone() -> tuple[list[float], Any]:
    return _train("jit", 1)


@pytest.mark.parametrize(
    ("parallel", "devices"), [("jit", 2), ("jit", 8), ("pmap", 1), ("pmap", 8)]
)
def test_lanes_and_devices_agree(
    alone: tuple[list[float], Any], parallel: str, devices: int
) -> None:
    losses, state = _train(parallel, devices)
    np.testing.assert_allclose(losses, alone[0], rtol=1e-5)
    assert int(state.step) == 10
    for ours, theirs in zip(
        jax.tree.leaves(state.variables),
        jax.tree.leaves(alone[1].variables),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_fusion_in_both_lanes() -> None:
    """The network that is trained in earnest, on two devices."""
    build = Colorization.build(config.parse(fusion.get_config()), prior=None)
    batch = BATCHES[0]
    norms = []
    for parallel in ("jit", "pmap"):
        lane = steps.lane(build, parallel, 0, jax.devices()[:2])
        _, scalars = lane.train_step(lane.init(batch), batch)
        norms.append(jax.device_get(scalars))
    for name, value in norms[0].items():
        np.testing.assert_allclose(norms[1][name], value, rtol=1e-5)


def test_batch_statistics_are_of_the_whole_batch(
    alone: tuple[list[float], Any],
) -> None:
    """By hand: one running mean after one step, of all eight examples."""
    task = _task()
    lane = steps.lane(task, "pmap", 0)
    state = lane.init(BATCHES[0])
    kernel = np.asarray(state.params["Conv_0"]["kernel"]).reshape(9, 8)
    lane_state, _ = lane.train_step(state, BATCHES[0])
    L = color.rgb2lab(BATCHES[0]["rgb"])[..., 0] / 50 - 1
    L = np.pad(L, ((0, 0), (0, 1), (0, 1)))  # SAME at stride 2 on an even size
    taps = [L[:, i : i + 15 : 2, j : j + 15 : 2] for i in range(3) for j in range(3)]
    mean = np.stack(taps, -1).mean((0, 1, 2)) @ kernel
    running = lane_state.model_state["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(running, 0.01 * mean, atol=1e-6)


def test_training_learns() -> None:
    """The same batch over and over is learnt."""
    lane = steps.lane(_task("classification"), "jit", 0, jax.devices()[:1])
    state = lane.init(BATCHES[0])
    losses = []
    for _ in range(60):
        state, scalars = lane.train_step(state, BATCHES[0])
        losses.append(float(scalars["loss"]))
    assert losses[-1] < 0.8 * losses[0]


def test_the_seed_decides_the_start() -> None:
    first, again, other = (
        jax.device_get(steps.lane(_task(), "jit", seed).init(BATCHES[0]).params)
        for seed in (0, 0, 1)
    )
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(first["head"]["kernel"], other["head"]["kernel"])


def test_evaluation_beside_grey() -> None:
    """The grey baseline is the truth's own chroma; a grey photograph scores best."""
    task = _task()
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


def test_without_embedding() -> None:
    lane = steps.lane(_task("classification"), "jit", 0)
    batch = {"rgb": BATCHES[0]["rgb"]}
    state, scalars = lane.train_step(lane.init(batch), batch)
    assert np.isfinite(float(scalars["loss"]))
    assert "fuse" not in state.params
