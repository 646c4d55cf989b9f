"""A run compiles its two steps once each; colouring compiles for few shapes."""

import collections
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs

import colorflax
from colorflax.training import train


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


def test_photographs_of_many_sizes_are_few_shapes(
    tmp_path: Path, compiled: collections.Counter[str]
) -> None:
    """Of the network, its decoder and its guide one program each for every shape.

    A short side of 64 px and aspects up to 3 : 1 are 64 by 64, 96, 128, 160 or 192, and
    the same standing.
    """
    colorizer = colorflax.load(runs.untrained(tmp_path, "classification"), size=64)
    aspects = 3 ** np.linspace(-1, 1, 21)

    def colour(pixels: float) -> int:
        for aspect in aspects:
            w, h = round((pixels * aspect) ** 0.5), round((pixels / aspect) ** 0.5)
            colorizer(np.full((h, w), 99, np.uint8))
        return sum(compiled.values())

    first = colour(30_000)
    assert compiled["jit(decode)"] == 9
    assert first <= 3 * 9 + 20  # the rest has fixed shapes, or is done once
    assert colour(50_000) == first
