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
from jaxtyping import Array, Float, UInt8

from colorflax import config, metrics
from colorflax.coloring import NOTES, Coloring, joined, network_and_objective, split
from colorflax.training import augment, optim, pieces
from colorflax.training.state import AveragedState, TrainState

Batch = dict[str, jax.Array]
"""rgb: uint8 (b, h, w, 3); embedding: float32 (b, e) where the network takes one;
label: int32 (b,) where scenes are learnt, -1 for a photograph without one."""

Numbers = dict[str, jax.Array | tuple[jax.Array, jax.Array]]
"""A number (b,) each; with a bool (b,) where it does not exist for every example."""

_DROPOUT = 1  # folded into a step's key, apart from what ages photographs


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
        sees its own share only, as under `jax.shard_map` and `jax.pmap`; where it is
        None, the batch is the whole one.
        """
        ...

    def eval_step(
        self, state: Any, batch: Batch
    ) -> tuple[Numbers, UInt8[Array, "b h w3 3"]]:
        """Numbers about each example, grey_x the baseline of x; a row of pictures."""
        ...


@dataclasses.dataclass(frozen=True)
class Colorization(Coloring):
    """Predict ab from L: a network under an objective, and how it is trained."""

    optimizer: optax.GradientTransformation
    rate: optax.Schedule  # of the optimiser, to be told
    augment: config.Augment
    ema: float = 0.0  # share of the past in an average of the parameters; 0 keeps none
    accumulate: int = 1  # pieces of a batch, one after another
    scores: ClassVar[Mapping[str, int]] = {
        "loss": -1, "mse": -1, "psnr": 1, "ab_psnr": 1, "within_5": 1, "within_10": 1,
        "larger_channel_agreement": 1,
    }  # fmt: skip

    @classmethod
    def build(cls, settings: config.Config, prior: np.ndarray | None) -> "Colorization":
        """What a config names."""
        return cls(
            *network_and_objective(settings, prior), optim.build(settings.optim),
            optim.schedule(settings.optim), settings.data.augment,
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
        """One update; loss, learning rate, the lengths of gradient and parameters."""

        def cost(params: Any, piece: Batch) -> tuple[jax.Array, Any]:
            _, ab = split(piece["rgb"])
            L = augment.age(piece["rgb"], key, self.augment)
            how: dict[str, Any] = {}
            if getattr(self.model, "dropout", 0):
                own = jax.random.fold_in(key, _DROPOUT)
                how["keys"] = augment.content_keys(own, piece["rgb"])
            head, kept = self.model.apply(
                {"params": params, **state.model_state}, L, piece.get("embedding"),
                train=True, axis=axis, mutable=[*state.model_state, NOTES], **how,
            )  # fmt: skip
            model_state = dict(kept)
            notes = model_state.pop(NOTES, {})
            mean = jnp.mean(self.cost(head, ab, notes, piece))
            # Here, and not of gradients alone: shard_map has summed those by then.
            return jax.lax.pmean(mean, axis) if axis else mean, model_state

        descend = jax.value_and_grad(cost, has_aux=True)
        step = pieces.mean(partial(descend, state.params), batch, self.accumulate)
        (loss, model_state), gradients = jax.lax.pmean(step, axis) if axis else step
        rate = jnp.asarray(self.rate(state.step), jnp.float32)
        state = state.apply(gradients, model_state, self.optimizer)
        scalars = {
            "loss": loss,
            "gradient_norm": optax.tree.norm(gradients),
            # Overflows before the loss does: no broken state passes for a good one.
            "parameter_norm": optax.tree.norm(state.params),
            "learning_rate": rate,
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
        head, notes = self.model.apply(
            state.variables, L, batch.get("embedding"), mutable=[NOTES]
        )
        notes = notes.get(NOTES, {})
        numbers: Numbers = {"loss": self.cost(head, truth, notes, batch)}
        numbers |= self.judge(notes, batch)
        ab = self.enlarged(head, L.shape[1:3])
        # XLA would take seconds to find out, while compiling, how wrong grey is.
        grey = jax.lax.optimization_barrier(jnp.zeros_like(ab))
        row = []
        for prefix, guess in (("grey_", grey), ("", ab)):
            painted = joined(L, guess)
            row.append(painted)
            rows = metrics.sums(painted, batch["rgb"], guess, truth)
            totals = {
                k: jnp.sum(v.astype(jnp.float32), axis=1) for k, v in rows.items()
            }
            found = metrics.numbers(totals)
            told = (name for name in self.scores if name != "loss")
            numbers |= {prefix + name: found[name] for name in told}
        return numbers, jnp.concatenate([*row, batch["rgb"]], axis=2)
