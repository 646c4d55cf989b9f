"""Tasks: what the loop runs. A task owns its networks, losses and optimisers.

All of a task's methods are pure functions of their arguments. Colorization is a network
under an objective; a task with two networks and two optimisers fits the same protocol,
because the loop sees only a state, batches and dictionaries of numbers.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Array, Float, UInt8

from colorflax import (
    augment,
    color,
    config,
    gamut,
    metrics,
    models,
    objectives,
    optim,
    pieces,
)
from colorflax.objectives import Objective
from colorflax.resample import bilinear
from colorflax.state import AveragedState, TrainState

Batch = dict[str, jax.Array]
"""rgb: uint8 (b, h, w, 3); embedding: float32 (b, e) where the network takes one;
label: int32 (b,) where scenes are learnt, -1 for a photograph without one."""

Numbers = dict[str, jax.Array | tuple[jax.Array, jax.Array]]
"""A number (b,) each; with a bool (b,) where it does not exist for every example."""

NOTES = "intermediates"
"""The collection in which a network sows what it has to say beside the head."""


@runtime_checkable
class Task(Protocol):
    """Pure functions for the loop."""

    @property
    def scores(self) -> Mapping[str, int]:
        """Numbers of `eval_step` that can tell the best state.

        1 where higher is better, -1 where lower is.
        """
        ...

    def undivided(self) -> "Task":
        """The same steps in the fewest operations, whatever memory they take."""
        ...

    def init(self, key: jax.Array, batch: Batch) -> Any:
        """The state before the first step; `batch` gives shapes only."""
        ...

    def train_step(
        self, state: Any, batch: Batch, key: jax.Array, axis: str | None
    ) -> tuple[Any, dict[str, jax.Array]]:
        """One update, and scalars about the step; all must be finite.

        `axis` names the devices over which the batch is divided, where the program
        sees its own share only; where it is None, the batch is the whole one.
        """
        ...

    def eval_step(
        self, state: Any, batch: Batch
    ) -> tuple[Numbers, UInt8[Array, "b h w3 3"]]:
        """Numbers about each example, grey_x the baseline of x; a row of pictures."""
        ...


@dataclasses.dataclass(frozen=True)
class Colorization:
    """Predict ab from L: a network under an objective."""

    model: nn.Module
    objective: Objective
    optimizer: optax.GradientTransformation
    augment: config.Augment
    ema: float = 0.0  # share of the past in an average of the parameters; 0 keeps none
    accumulate: int = 1  # pieces of a batch, one after another
    scores: ClassVar[Mapping[str, int]] = {
        "mse": -1, "psnr": 1, "ab_psnr": 1, "within_5": 1, "within_10": 1,
        "larger_channel_agreement": 1,
    }  # fmt: skip

    @classmethod
    def build(cls, settings: config.Config, prior: np.ndarray | None) -> "Colorization":
        """What a config names; `prior` only matters for training."""
        objective = objectives.build(settings.objective, settings.model.stride, prior)
        model = models.build(settings.model, objective.channels)
        optimizer = optim.build(settings.optim)
        return cls(
            model, objective, optimizer, settings.data.augment,
            ema=settings.optim.ema, accumulate=settings.train.accumulate,
        )  # fmt: skip

    def undivided(self) -> "Colorization":
        """The same steps, each batch in one piece and nothing computed twice."""
        twice = getattr(self.model, "remat", False)
        model = self.model.clone(remat=False) if twice else self.model
        return dataclasses.replace(self, model=model, accumulate=1)

    def init(self, key: jax.Array, batch: Batch) -> TrainState:
        """Fresh parameters and optimiser."""
        L, _ = split(batch["rgb"])
        variables = self.model.init(key, L, batch.get("embedding"))
        state = TrainState.create(variables, self.optimizer)
        return AveragedState.begin(state, self.ema) if self.ema else state

    def train_step(
        self, state: TrainState, batch: Batch, key: jax.Array, axis: str | None
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        """One update; the loss, and the lengths of its gradient and of the result."""

        def cost(params: Any, piece: Batch) -> tuple[jax.Array, Any]:
            _, ab = split(piece["rgb"])
            L = augment.age(piece["rgb"], key, self.augment)
            head, kept = self.model.apply(
                {"params": params, **state.model_state}, L, piece.get("embedding"),
                train=True, axis=axis, mutable=[*state.model_state, NOTES],
            )  # fmt: skip
            model_state = dict(kept)
            notes = model_state.pop(NOTES, {})
            return jnp.mean(self.cost(head, ab, notes, piece)), model_state

        descend = jax.value_and_grad(cost, has_aux=True)
        step = pieces.mean(partial(descend, state.params), batch, self.accumulate)
        (loss, model_state), gradients = jax.lax.pmean(step, axis) if axis else step
        state = state.apply(gradients, model_state, self.optimizer)
        scalars = {
            "loss": loss,
            "gradient_norm": optax.tree.norm(gradients),
            # Overflows before the loss does: no broken state passes for a good one.
            "parameter_norm": optax.tree.norm(state.params),
        }
        return state, scalars

    def cost(
        self,
        head: Float[Array, "b h_s w_s q"],
        ab: Float[Array, "b h w 2"],
        notes: Mapping[str, Any],
        batch: Batch,
    ) -> Float[Array, " b"]:
        """What each example costs; `notes` are what the network has sown."""
        del notes, batch
        return self.objective.loss(head, ab)

    def judge(self, notes: Mapping[str, Any], batch: Batch) -> Numbers:
        """Numbers about what the network has sown."""
        del notes, batch
        return {}

    def eval_step(
        self, state: TrainState, batch: Batch
    ) -> tuple[Numbers, UInt8[Array, "b h w3 3"]]:
        """How near output and grey are to the truth; the three of them side by side."""
        L, truth = split(batch["rgb"])
        ab, notes = self._look(state.variables, L, batch.get("embedding"))
        numbers = self.judge(notes, batch)
        row = []
        for prefix, guess in (("grey_", jnp.zeros_like(ab)), ("", ab)):
            painted = paint(L, guess)
            row.append(painted)
            rows = metrics.sums(painted, batch["rgb"], guess, truth)
            totals = {
                k: jnp.sum(v.astype(jnp.float32), axis=1) for k, v in rows.items()
            }
            found = metrics.numbers(totals)
            numbers |= {prefix + name: found[name] for name in self.scores}
        return numbers, jnp.concatenate([*row, batch["rgb"]], axis=2)

    def predict(
        self,
        variables: Any,
        L: Float[Array, "b h w 1"],
        embedding: Float[Array, "b e"] | None,
    ) -> Float[Array, "b h w 2"]:
        """The ab of each pixel, enlarged bilinearly from the head's stride."""
        return self._look(variables, L, embedding)[0]

    def _look(
        self, variables: Any, L: jax.Array, embedding: jax.Array | None
    ) -> tuple[jax.Array, Mapping[str, Any]]:
        """Colours, and what the network has sown."""
        head, kept = self.model.apply(variables, L, embedding, mutable=[NOTES])
        ab = bilinear(self.objective.decode(head), self.objective.stride, L.shape[1:3])
        return ab, kept.get(NOTES, {})


def split(
    rgb: UInt8[Array, "b h w 3"],
) -> tuple[Float[Array, "b h w 1"], Float[Array, "b h w 2"]]:
    """An 8-bit sRGB photograph -> L in [0, 100] and ab."""
    lab = color.rgb_to_lab(rgb)
    return lab[..., :1], lab[..., 1:]


def paint(
    L: Float[Array, "b h w 1"], ab: Float[Array, "b h w 2"]
) -> UInt8[Array, "b h w 3"]:
    """L and ab -> 8-bit sRGB; chroma that sRGB cannot show is reduced, L is kept."""
    lab = gamut.fit(jnp.concatenate([L, ab], axis=-1))
    return color.to_uint8(color.lab_to_rgb(lab))
