"""Networks of one layer, and of three that have all a step must cope with."""

import dataclasses
from typing import Any

import jax
from flax import linen as nn

from colorflax import config
from colorflax.models import winograd
from colorflax.training.tasks import Colorization
from configs import fusion

EMBEDDING = 6  # how long


class Line(nn.Module):
    """The smallest network: who trains it must not care."""

    channels: int
    stride: int

    @nn.compact
    def __call__(
        self, L: jax.Array, embedding: jax.Array | None = None, **how: object
    ) -> jax.Array:
        """L -> the head."""
        return nn.Conv(self.channels, (3, 3), self.stride)(L / 50 - 1)


class Small(nn.Module):
    """An embedding, statistics of the batch, and a convolution by Winograd's method."""

    channels: int
    stride: int

    @nn.compact
    def __call__(
        self,
        L: jax.Array,
        embedding: jax.Array | None = None,
        *,
        train: bool = False,
        axis: str | None = None,
    ) -> jax.Array:
        """L -> the head."""
        # A bias here would be undone by the normalisation: its gradient is rounding
        # alone, which Adam would blow up to full steps.
        x = nn.Conv(8, (3, 3), self.stride, use_bias=False)(L / 50 - 1)
        x = nn.BatchNorm(not train, axis_name=axis if train else None)(x)
        if embedding is not None:
            x = x + nn.Dense(8, name="fuse")(embedding)[:, None, None, :]
        head = nn.Conv(
            self.channels, (3, 3), name="head", conv_general_dilated=_winograd
        )
        return head(nn.relu(x))


def _winograd(x: jax.Array, kernel: jax.Array, *args: Any, **how: Any) -> jax.Array:
    # Not `conv.Conv`: that would not find so few products worth it.
    return winograd.convolve(x, kernel)


def small_task(words: str = "", **changes: Any) -> Colorization:
    """Colorization by `Small`, under what configs/fusion.py says."""
    task = Colorization.build(config.parse(fusion.get_config(words)), prior=None)
    model = Small(task.objective.channels, task.objective.stride)
    return dataclasses.replace(task, **{"model": model, **changes})
