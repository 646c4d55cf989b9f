"""A training step beside PyTorch's, and where its time goes.

    python -m launch.bench train
    python -m launch.bench train --size=224 --batch=32 --dtype=bfloat16

Both have the same network, batch, precision and optimiser (Adam). The step of colorflax
is the whole one, from uint8 RGB: Lab, targets, forward, backward, update. PyTorch gets
L and targets ready-made and runs in both of its memory layouts; the ratio is to the
faster one. On a GPU it is compiled by torch.compile, cuDNN chooses its fastest
algorithms, and both multiply float32 as TF32; bfloat16 is PyTorch's autocast.
"""

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import flags

from colorflax import config
from colorflax.training import steps
from colorflax.training.tasks import Colorization
from configs import fusion, zhang
from launch import torch_networks, where
from launch.timing import interleave, report

_SIZE = flags.DEFINE_integer("size", 64, "train: px, of the square photographs", 8)
_BATCH = flags.DEFINE_integer("batch", 16, "train: photographs in a step", 1)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float32", ["float32", "bfloat16"], "train: of the networks' products"
)
_RECIPES: dict[str, Callable[[], Any]] = {
    "fusion, regression": fusion.get_config,
    "fusion, classification": functools.partial(fusion.get_config, "classification"),
    "zhang, classification": zhang.get_config,
}
_TRAININGS = flags.DEFINE_multi_enum(
    "training", list(_RECIPES), list(_RECIPES), "train: one of these"
)
_COSTS = flags.DEFINE_boolean("costs", True, "train: also where a step's time goes")


def bench_train(rounds: int) -> None:
    """Time whole steps of each training."""
    beside = importlib.util.find_spec("torch") is not None
    if not beside:
        print("PyTorch is not here to compare with: pip install torch")
    batch, size, dtype = _BATCH.value, _SIZE.value, _DTYPE.value
    # An accelerator is given work ahead, as in training, and waited for at the end.
    many = 1 if jax.default_backend() == "cpu" else 20
    rgb = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    for title in _TRAININGS.value:
        values = _RECIPES[title]()
        values.features.name = "none"
        values.model.dtype = dtype
        settings = config.parse(values)
        task = Colorization.build(settings, np.full(313, 1 / 313))
        lane = steps.lane(task, "jit", seed=0, devices=jax.devices()[:1])
        state = jax.block_until_ready(lane.init({"rgb": rgb}))

        def ours(lane: steps.Lane = lane, states: list[Any] = [state]) -> object:  # noqa: B006
            for _ in range(many):
                states[0], scalars = lane.train_step(states[0], {"rgb": rgb})
            return scalars

        contestants: dict[str, Callable[[], object]] = {"colorflax": ours}
        if beside:
            contestants |= _torch(settings, batch, size, many)
        calls = interleave(contestants, rounds)
        seconds = {name: x / many for name, x in calls.items()}
        report(f"{title}, a step of {batch} at {size} px, {dtype}", seconds)
        if beside:
            best = min(s for name, s in seconds.items() if name != "colorflax")
            ratio = best / seconds["colorflax"]
            print(f"  {ratio:.2f} times as fast as the faster PyTorch")
        if _COSTS.value:
            where.print_costs(task, {"rgb": rgb}, seconds["colorflax"], rounds)
        sys.stdout.flush()


def _torch(
    settings: config.Config, batch: int, size: int, many: int
) -> dict[str, Callable[[], object]]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    lower: Any = contextlib.nullcontext()
    if settings.model.dtype == "bfloat16":
        lower = torch.autocast(device, torch.bfloat16)
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

        def steps() -> object:
            for _ in range(many):
                with lower:
                    head = forward(x)
                head = head.float()
                if classifies:
                    loss = -(y * head.log_softmax(1)).sum(1).mean()
                else:
                    loss = (head.tanh() - y).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return loss.item()

        return steps

    return {
        "PyTorch": contestant(torch.contiguous_format),
        "channels last": contestant(torch.channels_last),
    }
