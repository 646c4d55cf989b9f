"""Each example counts once, and a score is never printed without its baseline."""

import numpy as np
import pytest

from colorflax import evaluate
from colorflax.steps import Lane


def _lane() -> Lane:
    """An evaluation whose numbers are the examples' own."""

    def eval_step(state, batch):
        return {"x": batch["x"] * state}, batch["mask"]

    return Lane(init=None, train_step=None, eval_step=eval_step, render=None)


def test_mean_over_examples_not_batches() -> None:
    x = np.arange(12, dtype=np.float32)
    mask = np.arange(12) < 10
    batches = [{"x": x[i : i + 4], "mask": mask[i : i + 4]} for i in (0, 4, 8)]
    assert evaluate.evaluate(_lane(), 2.0, batches) == {"x": 9.0}


def test_table_names_the_baseline() -> None:
    numbers = {"mse": 0.01, "grey_mse": 0.04, "psnr": 30.0, "grey_psnr": 22.5}
    text = evaluate.table(numbers, "7 photographs")
    title, header, mse, psnr = text.split("\n")
    assert title == "7 photographs"
    assert header.split() == ["colorflax", "left", "grey"]
    assert mse.split()[-4:] == ["0.01000", "0.04000", "0.25", "times"]
    assert psnr.split()[-3:] == ["30.00", "22.50", "+7.50"]


@pytest.mark.parametrize("grey", [0.0, 1e-9])
def test_grey_photographs_have_no_ratio(grey: float) -> None:
    numbers = {"mse": 0.01, "grey_mse": grey, "psnr": 30.0, "grey_psnr": 58.9}
    assert "they are grey" in evaluate.table(numbers, "7 photographs")
