"""A training step beside PyTorch's, and where its time goes.

    python -m launch.bench train

Same network, batch, precision and optimiser (Adam). Ours is the whole step, from uint8
RGB: Lab, targets, forward, backward, update. PyTorch's is given L and its targets
ready, in both of its memory layouts; the ratio is to the faster one. On a GPU it is
compiled by torch.compile.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import flags

from colorflax import config, steps
from colorflax.errors import UserError
from colorflax.tasks import Colorization
from configs import fusion, zhang
from launch import torch_networks, where
from launch.timing import interleave, report

_SIZE = flags.DEFINE_integer("size", 64, "train: px, of the square photographs", 8)
_BATCH = flags.DEFINE_integer("batch", 16, "train: photographs in a step", 1)
_RECIPES: dict[str, Callable[[], Any]] = {
    "fusion, regression": fusion.get_config,
    "fusion, classification": functools.partial(fusion.get_config, "classification"),
    "zhang, classification": zhang.get_config,
}


def bench_train(rounds: int) -> None:
    """Time whole steps of three trainings."""
    if importlib.util.find_spec("torch") is None:
        raise UserError("the train benchmark compares with PyTorch: pip install torch")
    batch, size = _BATCH.value, _SIZE.value
    rgb = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    for title, recipe in _RECIPES.items():
        values = recipe()
        values.features.name = "none"
        settings = config.parse(values)
        task = Colorization.build(settings, np.full(313, 1 / 313))
        lane = steps.lane(task, "jit", seed=0, devices=jax.devices()[:1])
        state = jax.block_until_ready(lane.init({"rgb": rgb}))

        def ours(lane: steps.Lane = lane, states: list[Any] = [state]) -> object:  # noqa: B006
            states[0], scalars = lane.train_step(states[0], {"rgb": rgb})
            return scalars

        contestants = {"colorflax": ours} | _torch(settings, batch, size)
        seconds = interleave(contestants, rounds)
        report(f"{title}, a step of {batch} at {size} px", seconds, "colorflax")
        best = min(s for name, s in seconds.items() if name != "colorflax")
        print(
            f"  {best / seconds['colorflax']:.2f} times as fast as the faster PyTorch"
        )
        where.print_costs(task, {"rgb": rgb}, seconds["colorflax"], rounds)


def _torch(
    settings: config.Config, batch: int, size: int
) -> dict[str, Callable[[], object]]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    classifies = settings.objective.name == "classification"
    channels = 313 if classifies else 2
    build = getattr(torch_networks, settings.model.name)
    side = -(-size // settings.model.stride)
    L = torch.rand(batch, 1, size, size, device=device)
    target = torch.rand(batch, channels, side, side, device=device)
    target = target / target.sum(1, keepdim=True)

    def contestant(layout: Any) -> Callable[[], object]:
        model = build(channels).to(device, memory_format=layout).train()
        optimizer = torch.optim.Adam(model.parameters(), settings.optim.learning_rate)
        x, y = (t.contiguous(memory_format=layout) for t in (L, target))
        forward = torch.compile(model) if device == "cuda" else model

        def step() -> object:
            head = forward(x)
            if classifies:
                loss = -(y * head.log_softmax(1)).sum(1).mean()
            else:
                loss = (head.tanh() - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    return {
        "PyTorch": contestant(torch.contiguous_format),
        "channels last": contestant(torch.channels_last),
    }
