"""A run compiles its two steps once each, whatever comes by."""

import collections
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
import runs

from colorflax import train

COMPILING = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compiled() -> Iterator[collections.Counter[str]]:
    """How often a function of each name was compiled, or its program fetched."""
    counts: collections.Counter[str] = collections.Counter()

    def listen(event: str, seconds: float, *, fun_name: str = "", **_: object) -> None:
        if event == COMPILING:
            counts[fun_name] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield counts
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_a_run_compiles_each_step_once(
    photos: str, tmp_path: Path, parallel: str, compiled: collections.Counter[str]
) -> None:
    """Six steps and two evaluations of two batches, of which the last is not full."""
    settings = runs.settings(
        photos, train__parallel=parallel, data__validation_percent=75.0,
        train__batch_size=8,
    )  # fmt: skip
    run = runs.begin(settings, tmp_path)
    full = [bool(batch["mask"].all()) for batch in run.evaluation_batches()]
    assert full == [True, False]
    train.train(run, settings, tmp_path)
    # What pmap compiles has a name of its own.
    names = {"jit": "jit(train_step)", "pmap": "jit(_fun)"}
    assert compiled[names[parallel]] == 1
    assert compiled["jit(eval_step)"] == 1
    assert compiled[names["pmap" if parallel == "jit" else "jit"]] == 0


def test_a_second_shape_is_noticed(compiled: collections.Counter[str]) -> None:
    """Or the test above could not fail."""

    @jax.jit
    def step(x: jax.Array) -> jax.Array:
        return x + 1

    for n in (3, 3, 4):
        step(jnp.zeros(n))
    assert compiled["jit(step)"] == 2
