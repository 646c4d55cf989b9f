"""What a training run carries from step to step."""

from typing import Any

import flax.struct
import jax.numpy as jnp
import optax


class TrainState(flax.struct.PyTreeNode):
    """One network and its optimiser, after `step` updates."""

    # Any, because tree maps also fill the fields with shapes, shardings or nothing.
    step: Any  # int32 scalar
    params: Any
    opt_state: Any

    @classmethod
    def create(
        cls, params: Any, optimizer: optax.GradientTransformation
    ) -> "TrainState":
        """Step zero."""
        return cls(
            step=jnp.zeros((), jnp.int32),
            params=params,
            opt_state=optimizer.init(params),
        )

    def apply(
        self, gradients: Any, optimizer: optax.GradientTransformation
    ) -> "TrainState":
        """One update."""
        updates, opt_state = optimizer.update(gradients, self.opt_state, self.params)
        return self.replace(
            step=self.step + 1,
            params=optax.apply_updates(self.params, updates),
            opt_state=opt_state,
        )
