"""What a training run carries from step to step."""

from collections.abc import Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax


class TrainState(flax.struct.PyTreeNode):
    """One network and its optimiser, after `step` updates."""

    # Any, because tree maps also fill the fields with shapes, shardings or nothing.
    step: Any  # int32 scalar
    params: Any
    model_state: Any  # what a network keeps beside its parameters: batch statistics
    opt_state: Any

    @classmethod
    def create(
        cls, variables: Mapping[str, Any], optimizer: optax.GradientTransformation
    ) -> "TrainState":
        """Step zero of a network with these variables.

        They are copied, for a step gives away what it is given.
        """
        variables = jax.tree.map(jnp.copy, dict(variables))
        params = variables["params"]
        return cls(
            step=jnp.zeros((), jnp.int32),
            params=params,
            model_state={k: v for k, v in variables.items() if k != "params"},
            opt_state=optimizer.init(params),
        )

    def apply(
        self,
        gradients: Any,
        model_state: Any,
        optimizer: optax.GradientTransformation,
    ) -> "TrainState":
        """One update."""
        updates, opt_state = optimizer.update(gradients, self.opt_state, self.params)
        return self.replace(
            step=self.step + 1,
            params=optax.apply_updates(self.params, updates),
            model_state=model_state,
            opt_state=opt_state,
        )

    def begun_with(self, variables: Mapping[str, Any]) -> "TrainState":
        """The same with the network of `variables`."""
        state: TrainState = self.replace(
            params=variables["params"],
            model_state={k: v for k, v in variables.items() if k != "params"},
        )
        return state

    @property
    def newest(self) -> dict[str, Any]:
        """Parameters and statistics as the last update left them."""
        return {"params": self.params, **self.model_state}

    @property
    def variables(self) -> dict[str, Any]:
        """What the network is applied with when it is not trained."""
        return self.newest


class AveragedState(TrainState):
    """A state that keeps a moving average of its variables beside them.

    A class of its own, so that what is saved without an average stays what it was.
    Batch statistics are averaged as the parameters are: the newest ones were taken
    under other parameters than the average.
    """

    average: Any
    decay: float = flax.struct.field(pytree_node=False)  # share of the past

    @classmethod
    def begin(cls, state: TrainState, decay: float) -> "AveragedState":
        """`state`, and an average that has seen it only."""
        # A copy, for what a step gives away it may be given once only.
        average = jax.tree.map(jnp.copy, state.newest)
        return cls(**vars(state), average=average, decay=decay)

    def apply(
        self,
        gradients: Any,
        model_state: Any,
        optimizer: optax.GradientTransformation,
    ) -> "AveragedState":
        """One update; the average follows."""
        state: Any = super().apply(gradients, model_state, optimizer)
        # Less of the past at first, or the random start would stay in for long.
        past = jnp.minimum(self.decay, (1 + self.step) / (10 + self.step))
        average = jax.tree.map(
            lambda old, new: past * old + (1 - past) * new, self.average, state.newest
        )
        averaged: AveragedState = state.replace(average=average)
        return averaged

    def begun_with(self, variables: Mapping[str, Any]) -> "AveragedState":
        """The same with the network of `variables`; the average has seen only that."""
        state: Any = super().begun_with(variables)
        averaged: AveragedState = state.replace(average=dict(variables))
        return averaged

    @property
    def variables(self) -> dict[str, Any]:
        """The average."""
        return dict(self.average)
