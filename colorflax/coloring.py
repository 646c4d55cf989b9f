"""A network under an objective: from L to ab. All of it that colouring needs.

What training adds to it is in `tasks`, so that who only colours does without.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, UInt8

from colorflax import color, config, models, objectives
from colorflax.color import gamut
from colorflax.objectives import Objective
from colorflax.resample import Size, bilinear

NOTES = "intermediates"
"""The collection in which a network sows what it has to say beside the head."""


@dataclasses.dataclass(frozen=True)
class Coloring:
    """A network, and what its head means; pure functions of their arguments."""

    model: nn.Module
    objective: Objective

    @classmethod
    def build(cls, settings: config.Config, prior: np.ndarray | None) -> "Coloring":
        """What a config names; `prior` only matters for training and for a tau."""
        return cls(*network_and_objective(settings, prior))

    def head(
        self,
        variables: Any,
        rgb: UInt8[Array, "b h w 3"],
        embedding: Float[Array, "b e"] | None,
    ) -> Float[Array, "b h_s w_s q"]:
        """What the network says of the lightness of photographs."""
        return self._said(variables, split(rgb)[0], embedding)

    def predict(
        self,
        variables: Any,
        L: Float[Array, "b h w 1"],
        embedding: Float[Array, "b e"] | None,
    ) -> Float[Array, "b h w 2"]:
        """The ab of each pixel, enlarged bilinearly from the head's stride."""
        return self.enlarged(self._said(variables, L, embedding), L.shape[1:3])

    def enlarged(
        self, head: Float[Array, "b h_s w_s q"], size: Size
    ) -> Float[Array, "b h w 2"]:
        """The ab that a head stands for, of each pixel of a photograph of `size`."""
        return bilinear(self.objective.decode(head), self.objective.stride, size)

    def _said(self, variables: Any, L: Array, embedding: Array | None) -> Any:
        # By default float32 is multiplied in TF32 by a GPU, and in bfloat16 by a TPU.
        with jax.default_matmul_precision("float32"):
            return self.model.apply(variables, L, embedding)


def strangers(task: Any) -> list[str]:
    """The classes of a task's network and objective that are not of this package."""
    kinds = [type(getattr(task, part, None)) for part in ("model", "objective")]
    ours = (__package__, "builtins")  # and none at all
    return [
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in kinds
        if kind.__module__.partition(".")[0] not in ours
    ]


def network_and_objective(
    settings: config.Config, prior: np.ndarray | None
) -> tuple[nn.Module, Objective]:
    """The network and the objective that a config names."""
    objective = objectives.build(settings.objective, settings.model.stride, prior)
    return models.build(settings.model, objective.channels), objective


def split(
    rgb: UInt8[Array, "b h w 3"],
) -> tuple[Float[Array, "b h w 1"], Float[Array, "b h w 2"]]:
    """An 8-bit sRGB photograph -> L in [0, 100] and ab."""
    lab = color.rgb_to_lab(rgb)
    return lab[..., :1], lab[..., 1:]


def joined(
    L: Float[Array, "b h w 1"], ab: Float[Array, "b h w 2"]
) -> UInt8[Array, "b h w 3"]:
    """L and ab -> 8-bit sRGB; chroma that sRGB cannot show is reduced, L is kept."""
    lab = gamut.fit(jnp.concatenate([L, ab], axis=-1))
    return color.to_uint8(color.lab_to_rgb(lab))
