"""The zhang network beside the same layers in PyTorch, colouring at 256 px.

    python -m launch.bench zhang

Both run the forward pass only, in float32, with weights from the same distribution, on
as many threads as each takes by itself. PyTorch runs in both of its memory layouts; the
ratio is to the faster one.
"""

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from colorflax.errors import UserError
from colorflax.machines import xla
from colorflax.models.zhang import Zhang
from launch.timing import interleave, report
from launch.torch_networks import zhang

_SIZE = 256
_BATCHES = (1, 8)


def bench_zhang(rounds: int) -> None:
    """Colour 1 and 8 pictures of 256x256."""
    if importlib.util.find_spec("torch") is None:
        raise UserError("the zhang benchmark compares with PyTorch: pip install torch")
    import torch

    model = Zhang(channels=313)
    small = np.zeros((1, 8, 8, 1), np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), small)
    forward = jax.jit(model.apply, compiler_options=xla.options())
    plain, last = zhang().eval(), zhang().eval().to(memory_format=torch.channels_last)

    def colour(network: Any, x: Any) -> Any:
        return network((x - 50) / 100).numpy()

    for batch in _BATCHES:
        L = np.random.default_rng(0).uniform(0, 100, (batch, _SIZE, _SIZE, 1))
        on_device = jax.device_put(L.astype(np.float32))
        theirs = torch.from_numpy(np.array(on_device)).movedim(3, 1).contiguous()
        theirs_last = theirs.contiguous(memory_format=torch.channels_last)
        contestants: dict[str, Callable[[], object]] = {
            "colorflax": partial(forward, variables, on_device),
            "PyTorch": partial(colour, plain, theirs),
            "channels last": partial(colour, last, theirs_last),
        }
        with torch.no_grad():
            seconds = interleave(contestants, rounds)
        report(f"zhang, {batch} x {_SIZE}x{_SIZE}, forward", seconds)
        best = min(seconds["PyTorch"], seconds["channels last"])
        print(
            f"  {best / seconds['colorflax']:.2f} times as fast as the faster PyTorch"
        )
