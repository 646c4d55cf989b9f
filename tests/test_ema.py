"""A moving average of the parameters: by hand, saved, looked at."""

import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from small import EMBEDDING, small_task

from colorflax import checkpoint, config
from colorflax.checkpoint.folder import read_only
from colorflax.coloring import split
from colorflax.errors import UserError
from colorflax.training import steps
from configs import fusion

DECAY = 0.3  # above the first three of 1/10, 2/11, 3/12, 4/13, ..
STEPS = 5


def _batch(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "rgb": rng.integers(0, 256, (8, 16, 16, 3), np.uint8),
        "embedding": rng.normal(size=(8, EMBEDDING)).astype(np.float32),
        "mask": np.ones(8, bool),
    }


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_against_the_definition(parallel: str) -> None:
    """Of parameters and batch statistics, on several devices; and it is evaluated."""
    task = small_task(ema=DECAY)
    lane = steps.lane(task, parallel, 0)
    state = lane.init(_batch(0))
    expected: Any = jax.tree.map(np.float64, jax.device_get(state.newest))
    for n in range(STEPS):
        state, _ = lane.train_step(state, _batch(n))
        past = min(DECAY, (1 + n) / (10 + n))
        expected = jax.tree.map(
            lambda old, new, past=past: past * old + (1 - past) * new,
            expected,
            jax.device_get(state.newest),
        )
    average = jax.device_get(state.variables)
    assert set(average) == {"params", "batch_stats"}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        average, expected,
    )  # fmt: skip
    assert {x.dtype for x in jax.tree.leaves(average)} == {np.dtype(np.float32)}
    kernel = average["params"]["head"]["kernel"]
    assert np.abs(kernel - state.params["head"]["kernel"]).max() > 1e-4
    if parallel == "jit":
        states = state, state.replace(average=state.newest)
        seen = [jax.device_get(lane.eval_step(s, _batch(9))[0]["mse"]) for s in states]
        assert np.abs(seen[0] - seen[1]).max() > 1e-4
        batch = jax.tree.map(jnp.asarray, _batch(9))
        L, truth = split(batch["rgb"])
        ab = task.predict(average, L, batch["embedding"])
        mse = jnp.mean(jnp.square((ab - truth) / 127), axis=(1, 2, 3))
        np.testing.assert_allclose(seen[0], mse, rtol=1e-5)


@pytest.fixture(scope="module")
def finished(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("runs") / "averaged"
    runs.finish(runs.settings(photos, optim__ema=0.9), workdir)
    return workdir


def _whole(workdir: Path) -> Any:
    """All that step 6 saved."""
    manager = read_only(workdir / "checkpoints")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # laid out as it was saved
        state = manager.restore(6)["state"]
    manager.close()
    return state


def test_resuming_equals_no_interruption(
    photos: str, finished: Path, tmp_path: Path
) -> None:
    runs.finish(runs.settings(photos, optim__ema=0.9, train__steps=4), tmp_path)
    runs.finish(runs.settings(photos, optim__ema=0.9), tmp_path)
    straight, resumed = _whole(finished), _whole(tmp_path)
    jax.tree.map(np.testing.assert_array_equal, straight, resumed)
    loaded = checkpoint.load(tmp_path / "checkpoints" / "6").variables
    jax.tree.map(np.testing.assert_array_equal, loaded, straight["average"])


def test_training_is_the_same_without(
    photos: str, finished: Path, tmp_path: Path
) -> None:
    """And what it saves then has the parts that it had before there were averages."""
    runs.finish(runs.settings(photos), tmp_path)
    averaged, plain = _whole(finished), _whole(tmp_path)
    assert set(plain) == {"step", "params", "model_state", "opt_state"}
    jax.tree.map(np.testing.assert_array_equal, averaged["params"], plain["params"])
    loaded = checkpoint.load(tmp_path / "checkpoints" / "6").variables
    jax.tree.map(np.testing.assert_array_equal, loaded, {"params": plain["params"]})
    losses = [
        [row["eval/mse"] for row in runs.evaluations(d)] for d in (finished, tmp_path)
    ]
    assert losses[0] != losses[1]


def test_a_share_below_one() -> None:
    values = fusion.get_config().to_dict()
    values["optim"]["ema"] = 1.0
    with pytest.raises(
        UserError, match=r"config\.optim\.ema should be at least 0 and below 1, not"
    ):
        config.parse(values)
