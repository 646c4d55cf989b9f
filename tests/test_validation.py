"""Each example counts once, and a score is never printed without its baseline."""

import numpy as np
import pytest

from colorflax.training import validation
from colorflax.training.steps import Lane


def _lane() -> Lane:
    """An evaluation whose numbers are the examples' own."""

    def eval_step(state, batch):
        return {"x": batch["x"] * state}, batch["x"] + 100, batch["mask"]

    return Lane(init=None, train_step=None, eval_step=eval_step)


def test_mean_over_examples_not_batches() -> None:
    x = np.arange(12, dtype=np.float32)
    mask = np.arange(12) < 10
    batches = [{"x": x[i : i + 4], "mask": mask[i : i + 4]} for i in (0, 4, 8)]
    numbers, pictures = validation.validate(_lane(), 2.0, batches)
    assert numbers == {"x": 9.0}
    np.testing.assert_array_equal(pictures, x[:4] + 100)


def test_table_names_the_baseline() -> None:
    pairs = {  # ours, grey's, and what the table makes of them
        "mse": (0.01, 0.04, ["0.01000", "0.04000", "0.25", "times"]),
        "psnr": (30.0, 22.5, ["30.00", "22.50", "+7.50"]),
        "ab_psnr": (40.0, 41.0, ["40.00", "41.00", "-1.00"]),
        "within_5": (0.75, 0.5, ["75.0%", "50.0%", "+25.0", "points"]),
        "within_10": (1.0, 0.875, ["100.0%", "87.5%", "+12.5", "points"]),
        "larger_channel_agreement": (0.25, 0.5, ["25.0%", "50.0%", "-25.0", "points"]),
    }
    numbers = {name: ours for name, (ours, _, _) in pairs.items()}
    numbers |= {f"grey_{name}": grey for name, (_, grey, _) in pairs.items()}
    title, header, *rows, note = validation.table(numbers, "7 photographs").split("\n")
    assert title == "7 photographs"
    assert header.split() == ["colorflax", "left", "grey"]
    for row, (_, _, shown) in zip(rows, pairs.values(), strict=True):
        assert row.split()[-len(shown) :] == shown
    assert "Keras 'accuracy' *" in rows[-1]
    assert "larger of a, b is the same" in note


@pytest.mark.parametrize("grey", [0.0, 1e-9])
def test_grey_photographs_have_no_ratio(grey: float) -> None:
    numbers = {"mse": 0.01, "grey_mse": grey, "psnr": 30.0, "grey_psnr": 58.9}
    assert "they are grey" in validation.table(numbers, "7 photographs")
