"""A batch in pieces: the update of the whole, for the memory of a piece."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
import optax
import pytest
from small import EMBEDDING, Line, small_task

from colorflax import config
from colorflax.config import rules
from colorflax.errors import UserError
from colorflax.training import speed, steps
from colorflax.training.tasks import Colorization
from configs import fusion

RNG = np.random.default_rng(0)
PICTURES = {"rgb": RNG.integers(0, 256, (16, 16, 16, 3), np.uint8)}
BATCH = PICTURES | {"embedding": RNG.normal(size=(16, EMBEDDING)).astype(np.float32)}


# One step of it subtracts the gradient itself, which Adam would hide.
SGD = optax.sgd(1.0)


def _line(accumulate: int) -> Colorization:
    """One convolution, which sees grain."""
    values = fusion.get_config()
    values.train.accumulate = accumulate
    values.data.augment.grain = 6.0
    task = Colorization.build(config.parse(values), prior=None)
    model = Line(task.objective.channels, task.objective.stride)
    return dataclasses.replace(task, model=model, optimizer=SGD)


def _step(task: Colorization, batch: steps.HostBatch, parallel: str) -> Any:
    """After one step on two devices: the variables, the numbers."""
    lane = steps.lane(task, parallel, 0, jax.devices()[:2])
    state, scalars = lane.train_step(lane.init(batch), batch)
    return jax.device_get((state.newest, scalars))


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_the_update_is_that_of_the_whole_batch(parallel: str) -> None:
    whole, divided = (_step(_line(n), PICTURES, parallel) for n in (1, 4))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        whole, divided,
    )  # fmt: skip


def test_batch_norm_is_of_a_piece() -> None:
    """The mean of what steps over the pieces alone would do, on several devices."""
    task = small_task(optimizer=SGD)
    divided, _ = _step(dataclasses.replace(task, accumulate=2), BATCH, "pmap")
    step = jax.jit(functools.partial(task.train_step, axis=None))
    key = jax.random.key(0)
    state = jax.jit(task.init)(key, BATCH)
    # Every second example, as the docstring of `pieces.mean` has it.
    alone = [
        step(state, {k: v[i::2] for k, v in BATCH.items()}, key)[0].newest
        for i in range(2)
    ]
    expected = jax.tree.map(lambda a, b: (a + b) / 2, *alone)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        divided, jax.device_get(expected),
    )  # fmt: skip


def test_memory_and_traffic() -> None:
    """A quarter of the batch at a time; no example moves to another device."""

    def compiled(accumulate: int) -> jax.stages.Compiled:
        task = small_task(accumulate=accumulate)
        batch = {"rgb": jax.ShapeDtypeStruct((32, 32, 32, 3), np.uint8)}
        key = jax.random.key(0)
        devices = steps.sharding.mesh(jax.devices()[:2])
        everywhere = steps.sharding.replicated(devices)
        step = jax.jit(
            functools.partial(task.train_step, axis=None),
            in_shardings=(everywhere, steps.sharding.divided(devices), everywhere),
            out_shardings=everywhere,
        )
        return step.lower(jax.eval_shape(task.init, key, batch), batch, key).compile()

    whole, divided = compiled(1), compiled(4)
    memory = [x.memory_analysis().temp_size_in_bytes for x in (whole, divided)]
    assert memory[1] < 0.35 * memory[0]
    assert "all-reduce" in divided.as_text()
    for other in ("all-to-all", "all-gather", "collective-permute"):
        assert other not in divided.as_text()


def test_operations_are_those_of_the_whole_batch() -> None:
    whole, divided = (speed.count(_line(n), PICTURES) for n in (1, 4))
    assert whole == divided


def test_pieces_that_do_not_divide() -> None:
    values = fusion.get_config().to_dict()
    values["train"] |= {"batch_size": 24, "accumulate": 3}
    settings = config.parse(values)
    rules.check_devices(settings, devices=8, processes=1)
    values["train"]["accumulate"] = 5
    settings = config.parse(values)
    message = r"24 does not divide over 2 devices in .*=5 pieces; .* example 30"
    with pytest.raises(UserError, match=message):
        rules.check_devices(settings, devices=2, processes=1)
    values["train"]["accumulate"] = 0
    with pytest.raises(UserError, match=r"accumulate should be at least 1, not 0"):
        config.parse(values)
