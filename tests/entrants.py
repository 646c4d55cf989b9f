"""Networks that are judged: untrained, with much to say."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from colorflax import checkpoint, config, contest
from colorflax.contest import contenders
from colorflax.data import library
from colorflax.training import state
from colorflax.training.tasks import Colorization
from configs import simple


def settings(photos: str | Path, words: str = "", **data: Any) -> config.Config:
    values = simple.get_config(words).to_dict()
    values["data"].update(
        source=f"folder:{photos}", train_split="train", size=24, short_side=24,
        validation_percent=0.0, threads=1, **data,
    )  # fmt: skip
    return config.parse(values)


def saved(chosen: config.Config, folder: Path, **about: Any) -> checkpoint.Saved:
    """An untrained network that has much to say, as a checkpoint."""
    task = Colorization.build(chosen, None)
    square = np.zeros((1, 24, 24, 3), np.uint8)
    shapes = jax.eval_shape(task.init, jax.random.key(0), {"rgb": square}).params
    rng = np.random.default_rng(0)

    def draw(x: jax.ShapeDtypeStruct) -> np.ndarray:
        gain = 2.0 if len(x.shape) > 1 else 0.0  # of kernels; biases are 0
        spread = np.sqrt(gain / np.prod(x.shape[:-1]))
        return rng.normal(0, spread, x.shape).astype(np.float32)

    params = jax.tree.map(draw, shapes)
    params["head"]["kernel"] *= 5
    notes = {
        "colorflax": "0", "config": chosen.to_dict(), "features": None,
        "photographs": "not known here", **about,
    }  # fmt: skip
    checkpoints = checkpoint.Checkpoints(folder, notes, keep=1)
    checkpoints.save(7, state.TrainState(np.int32(7), params, {}, ()), score=None)
    checkpoints.close()
    return checkpoint.load(folder)


def evaluate(
    model: contenders.Model, chosen: config.Config, mode: str = "fixed", **more: Any
) -> contest.Result:
    sides = library.find(chosen.data)
    how = {"batch_size": 5} | more  # the last of three has blanks
    return contest.evaluate(model, sides, chosen.data, mode, **how)
