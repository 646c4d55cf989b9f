"""Every network runs under every objective; every config says how it is run."""

import importlib
import types
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from colorflax import config
from colorflax.training import steps
from colorflax.training.state import TrainState
from colorflax.training.tasks import Colorization
from launch.ablation import plan

CONFIGS = Path(__file__).parent.parent / "configs"
NAMES = sorted({file.stem for file in CONFIGS.glob("*.py")} - {"base"})
ABLATIONS = {"ablation"}  # plans of many runs; all others are one
RNG = np.random.default_rng(0)


def _config(name: str) -> types.ModuleType:
    return importlib.import_module(f"configs.{name}")


def _runs(name: str, word: str) -> list[config.Config]:
    values = _config(name).get_config(word)
    if name in ABLATIONS:
        return [training.settings for training in plan.parse(values).trainings]
    return [config.parse(values)]


def _start(path: tuple[Any, ...], like: jax.ShapeDtypeStruct) -> np.ndarray:
    """A fair start without compiling one: He's for kernels, ones for scales."""
    if path[-1].key in ("scale", "var"):
        return np.ones(like.shape, like.dtype)
    fan_in = np.prod(like.shape[:-1])
    deviation = np.sqrt(2 / fan_in) if len(like.shape) > 1 else 0.0
    return deviation * RNG.standard_normal(like.shape, like.dtype)


@pytest.mark.parametrize("objective", ["regression", "classification"])
@pytest.mark.parametrize("network", config.STRIDES)
def test_product(network: str, objective: str) -> None:
    """A step moves the network; evaluation and colouring fit the photograph."""
    values = _config(network).get_config().to_dict()
    values["objective"]["name"] = objective
    values["model"]["stride"] = 4  # which is the only one of the classification
    values["model"] |= {"encoder": "random", "dropout": 0.0}  # nothing is left alone
    side = 64 if network == "lite" else 16  # more than one pixel at its lowest
    task = Colorization.build(config.parse(values), prior=None)
    batch = {"rgb": RNG.integers(0, 256, (2, side, side, 3), np.uint8)}
    if network in config.STEERED:
        batch["embedding"] = RNG.standard_normal((2, 5), np.float32)
    shapes = jax.eval_shape(task.init, jax.random.key(0), batch)
    variables = jax.tree_util.tree_map_with_path(_start, shapes.variables)
    state = TrainState.create(variables, task.optimizer)

    train_step = steps.lane(task, "jit", 0, jax.devices()[:1]).train_step
    trained, scalars = jax.device_get(train_step(state, batch))
    for name, value in scalars.items():
        assert np.isfinite(value), name
    moved = jax.tree.map(
        lambda old, new: not np.array_equal(old, new), variables, trained.variables
    )
    assert all(jax.tree.leaves(moved)), moved

    numbers, pictures = jax.eval_shape(task.eval_step, trained, batch)
    assert pictures.shape == (2, side, 3 * side, 3)
    scores = set(task.scores)
    grey = {f"grey_{name}" for name in scores - {"loss"}}
    assert scores | grey <= numbers.keys()
    assert {number.shape for number in numbers.values()} == {(2,)}
    L = jax.ShapeDtypeStruct((2, 17, 9, 1), np.float32)
    embedding = batch.get("embedding")
    ab = jax.eval_shape(task.predict, trained.variables, L, embedding)
    assert ab.shape == (2, 17, 9, 2)


@pytest.mark.parametrize("name", NAMES)
def test_config(name: str) -> None:
    module = _config(name)
    for word in ["", *vars(module).get("_CHANGES", ())]:
        for parsed in _runs(name, word):
            assert config.parse(parsed.to_dict()) == parsed
    with pytest.raises(ValueError, match="'nonsense' after the config's colon"):
        module.get_config("nonsense")
    command = "launch.ablate" if name in ABLATIONS else "colorflax.main"
    assert f"python -m {command} --config=configs/{name}.py" in module.__doc__


def test_every_network_has_a_config() -> None:
    assert set(config.STRIDES) <= set(NAMES)
