"""bfloat16 between the layers, float32 everywhere else."""

import dataclasses
import functools
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from colorflax import checkpoint, config, predict
from colorflax.errors import UserError
from colorflax.models import winograd
from colorflax.training import resume
from colorflax.training.tasks import Colorization

BATCH = {"rgb": np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)}
KEY = jax.random.key(0)


def _settings(network: str, dtype: str) -> config.Config:
    values = importlib.import_module(f"configs.{network}").get_config()
    values.features.name = "none"
    values.model.dtype = dtype
    values.model.encoder = "random"  # nothing is frozen
    values.model.global_size = 16
    return config.parse(values)


def _task(network: str, dtype: str) -> Colorization:
    return Colorization.build(_settings(network, dtype), prior=None)


def _convolutions(jaxpr: Any) -> Iterator[set[str]]:
    """The dtypes of the operands of each, in all that is called as well.

    A product with as many channels as bins is the U-Net's head, a convolution of 1x1.
    """
    for equation in jaxpr.eqns:
        sizes = {n for x in (*equation.invars, *equation.outvars) for n in x.aval.shape}
        kind = equation.primitive.name
        if kind == "conv_general_dilated" or (kind == "dot_general" and 313 in sizes):
            yield {x.aval.dtype.name for x in equation.invars}
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from _convolutions(inner)


@pytest.mark.parametrize("network", config.STRIDES)
def test_what_is_narrow_and_what_is_not(network: str) -> None:
    """In the training step as it is traced: the head's three products are not."""
    task = _task(network, "bfloat16")
    state = jax.eval_shape(task.init, KEY, BATCH)
    step = functools.partial(task.train_step, axis=None)
    traced, (after, scalars) = jax.make_jaxpr(step, return_shape=True)(
        state, BATCH, KEY
    )
    operands = list(_convolutions(traced.jaxpr))
    head = [dtypes for dtypes in operands if dtypes == {"float32"}]
    assert len(head) == 3  # forward, and the gradients of its input and its kernel
    rest = [dtypes for dtypes in operands if dtypes != {"float32"}]
    assert all(dtypes == {"bfloat16"} for dtypes in rest)
    kernels = sum(x.ndim == 4 for x in jax.tree.leaves(state.params))
    assert len(rest) >= 3 * (kernels - 1) - 1  # none for the gradient of L
    kept = jax.tree.leaves((after.params, after.model_state, after.opt_state, scalars))
    assert {x.dtype.name for x in kept} <= {"float32", "int32"}


def test_the_loss_is_nearly_that_of_float32() -> None:
    numbers = []
    for dtype in ("float32", "bfloat16"):
        task = _task("simple", dtype)
        step = jax.jit(functools.partial(task.train_step, axis=None))
        _, scalars = step(jax.jit(task.init)(KEY, BATCH), BATCH, KEY)
        numbers.append(jax.device_get(scalars))
    wide, narrow = numbers
    assert narrow["loss"] == pytest.approx(wide["loss"], rel=2e-3)
    assert narrow["gradient_norm"] == pytest.approx(wide["gradient_norm"], rel=3e-2)
    assert narrow["gradient_norm"] != wide["gradient_norm"]


def test_winograd_sums_in_float32() -> None:
    """What is rounded are the operands and the result, as in a plain convolution."""
    x = jax.random.normal(KEY, (1, 16, 16, 64)).astype(jnp.bfloat16)
    kernel = jax.random.normal(KEY, (3, 3, 64, 8)).astype(jnp.bfloat16)
    y, back = jax.vjp(winograd.convolve, x, kernel)
    wide, widely = x.astype(jnp.float32), kernel.astype(jnp.float32)
    exact, exactly = jax.vjp(winograd.convolve, wide, widely)
    ours, expected = (y, *back(y)), (exact, *exactly(y.astype(jnp.float32)))
    for a, b in zip(ours, expected, strict=True):
        assert a.dtype == jnp.bfloat16
        np.testing.assert_allclose(
            np.asarray(a, np.float32), b, rtol=2**-7, atol=2**-8 * np.abs(b).mean()
        )


def test_colours_are_those_of_float32() -> None:
    """The same parameters colour alike, whatever they were trained in."""
    settings = _settings("simple", "bfloat16")
    variables = jax.jit(_task("simple", "float32").init)(KEY, BATCH).variables
    loud = jax.tree.map(lambda x: 3 * x, variables)
    picture = Image.fromarray(BATCH["rgb"][0])
    coloured = []
    for dtype in ("float32", "bfloat16"):
        model = dataclasses.replace(settings.model, dtype=dtype)
        values = dataclasses.replace(settings, model=model).to_dict()
        about = {"config": values, "features": None}
        saved = checkpoint.Saved(Path("here"), 1, about, loud)
        coloured.append(predict.Colorizer(saved)(picture))
    np.testing.assert_array_equal(*coloured)


@pytest.mark.parametrize("function", ["head", "predict"])
@pytest.mark.parametrize("network", config.STRIDES)
def test_no_device_colours_in_less_than_float32(network: str, function: str) -> None:
    """Left to themselves GPUs multiply float32 in TF32, and TPUs in bfloat16."""
    task = _task(network, "float32")
    first = {"head": BATCH["rgb"], "predict": np.zeros((4, 16, 16, 1), np.float32)}
    variables = jax.eval_shape(task.init, KEY, BATCH).variables
    traced = jax.jit(getattr(task, function)).trace(variables, first[function], None)
    for platform in ("cuda", "tpu"):
        lines = traced.lower(lowering_platforms=(platform,)).as_text().splitlines()
        products = [x for x in lines if "convolution(" in x or "dot_general" in x]
        kernels = sum(x.ndim == 4 for x in jax.tree.leaves(variables["params"]))
        assert len(products) >= kernels
        assert not [x for x in products if "HIGHEST" not in x]


def test_a_run_may_go_on_in_another_dtype_if_allowed() -> None:
    changed = {"model.dtype": "model.dtype was 'float32' and is 'bfloat16'"}
    with pytest.raises(UserError, match="changed by --allow_changes"):
        resume.permit(changed, Path("run"), allow=False)
    resume.permit(changed, Path("run"), allow=True)


def test_bad_dtype() -> None:
    with pytest.raises(UserError, match="dtype should be float32 or bfloat16, not"):
        _settings("simple", "float16")
