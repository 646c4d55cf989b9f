"""What a training run carries from step to step."""

from collections.abc import Mapping
from typing import Any

import flax.struct
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
        """Step zero of a network with these variables."""
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

    @property
    def variables(self) -> dict[str, Any]:
        """What the network is applied with."""
        return {"params": self.params, **self.model_state}
