"""Runs of the smallest network: how they are begun, and what they leave."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import compiling
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from small import Line

from colorflax import checkpoint, config
from colorflax.training import assemble, train
from colorflax.training.state import TrainState
from colorflax.training.tasks import Colorization
from configs import fusion, simple

ENV = compiling.devices(2)


def settings(photos: str, **changes: Any) -> config.Config:
    """Six steps at 16 px; a change is named as in `train__steps=7`."""
    values = fusion.get_config().to_dict()
    values["features"]["name"] = "none"
    values["data"].update(
        source=f"folder:{photos}", size=16, short_side=16, validation_percent=20.0
    )
    values["train"].update(
        steps=6, batch_size=8, log_every=2, eval_every=3, save_every=2
    )
    for path, value in changes.items():
        room, name = path.split("__")
        values[room][name] = value
    return config.parse(values)


def command(photos: str, workdir: Path) -> list[str]:
    """A run of `configs/simple.py` that is as small."""
    return [
        sys.executable, "-m", "colorflax.main", "--config=configs/simple.py",
        f"--workdir={workdir}", f"--config.data.source=folder:{photos}",
        "--config.data.train_split=train", "--config.data.size=16",
        "--config.data.short_side=16", "--config.data.validation_percent=20",
        "--config.train.steps=6", "--config.train.batch_size=8",
        "--config.train.log_every=1", "--config.train.eval_every=3",
        "--config.train.save_every=2",
    ]  # fmt: skip


def begin(
    settings: config.Config,
    workdir: Path,
    *,
    network: type[nn.Module] = Line,
    after: optax.GradientTransformation | None = None,
    **flags: Any,
) -> assemble.Run:
    """All but the training; `after` changes what the optimiser does."""
    run = assemble.assemble(settings, workdir, **flags)
    objective, optimizer = run.task.objective, run.task.optimizer
    task = dataclasses.replace(
        run.task,
        model=network(objective.channels, objective.stride),
        optimizer=optax.chain(optimizer, after) if after else optimizer,
    )
    return run._replace(task=task)


def finish(settings: config.Config, workdir: Path) -> dict[str, float]:
    """Train to the end, from where `workdir` is."""
    return train.train(begin(settings, workdir), settings, workdir)


def untrained(workdir: Path, words: str = "") -> Path:
    """A checkpoint of `configs/simple.py` with random numbers, and vivid."""
    values = simple.get_config(words).to_dict()
    values["data"].update(size=32, short_side=32)
    task = Colorization.build(config.parse(values), prior=None)
    shapes = jax.eval_shape(
        task.model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 1))
    )
    rng = np.random.default_rng(0)  # to compile the initialisation takes seconds
    params = jax.tree.map(
        lambda x: rng.normal(0, 2 / np.prod(x.shape[:-1]) ** 0.5, x.shape), shapes
    )["params"]
    state = TrainState(
        step=np.int32(0),
        params=jax.tree.map(np.float32, params),
        model_state={},
        opt_state=(),
    )
    prior = rng.dirichlet(np.ones(313)).tolist()
    about = {
        "colorflax": "",
        "config": values,
        "photographs": "",
        "features": None,
        "prior": prior,
    }
    checkpoints = checkpoint.Checkpoints(workdir, about, keep=1)
    checkpoints.save(0, state, score=None)
    checkpoints.close()
    return workdir


def steps(workdir: Path) -> list[int]:
    """Those of the checkpoints that are kept."""
    return sorted(int(p.name) for p in (workdir / "checkpoints").iterdir())


def rows(workdir: Path) -> list[dict[str, float]]:
    """All that was logged."""
    return [json.loads(x) for x in (workdir / "metrics.jsonl").read_text().splitlines()]


def evaluations(workdir: Path) -> list[dict[str, float]]:
    """What was logged of evaluations."""
    return [row for row in rows(workdir) if "eval/mse" in row]


def assert_same_end(one: Path, other: Path) -> None:
    """Both have the same parameters at step 6, bit for bit."""
    a, b = (checkpoint.load(d / "checkpoints" / "6").variables for d in (one, other))
    jax.tree.map(np.testing.assert_array_equal, a, b)
