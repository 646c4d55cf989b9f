"""Colours and the name of the scene, learnt together (SIGGRAPH 2016, section 3.4).

Naming the scene is no end in itself: it teaches the network's global features what
kind of place they look at, with labels that need no drawing.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from colorflax.training.tasks import Batch, Colorization, Numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedColorization(Colorization):
    """A colorization whose network sows `scene`, one logit per class.

    Attributes:
        weight: of the cross-entropy, in nats, beside the cost of the colours.
        usual: the class that is most frequent in training.
    """

    weight: float
    usual: int

    def cost(
        self,
        head: Float[Array, "b h_s w_s q"],
        ab: Float[Array, "b h w 2"],
        notes: Mapping[str, Any],
        batch: Batch,
    ) -> Float[Array, " b"]:
        """The cost of the colours and, where there is a label, of the name."""
        (logits,) = notes["scene"]
        colours = super().cost(head, ab, notes, batch)
        return colours + self.weight * masked_cross_entropy(logits, batch["label"])

    def judge(self, notes: Mapping[str, Any], batch: Batch) -> Numbers:
        """How often the name is right, beside always giving the usual one."""
        (logits,) = notes["scene"]
        label = batch["label"]
        usual = jnp.full_like(label, self.usual)
        guesses = {"scene": jnp.argmax(logits, axis=-1), "chance": usual}
        return {
            f"{who}_accuracy": ((guess == label).astype(jnp.float32), label >= 0)
            for who, guess in guesses.items()
        }


def add(task: Colorization, weight: float, classes: int, usual: int) -> Colorization:
    """`task`, with a network that also learns to tell `classes` scenes apart."""
    parts = {f.name: getattr(task, f.name) for f in dataclasses.fields(task) if f.init}
    parts["model"] = task.model.clone(scenes=classes)
    return NamedColorization(**parts, weight=weight, usual=usual)


def masked_cross_entropy(
    logits: Float[Array, "b n"], label: Int[Array, " b"]
) -> Float[Array, " b"]:
    """-log softmax(logits)[label] in nats; 0 where the label is negative."""
    nats = optax.softmax_cross_entropy_with_integer_labels(
        logits, jnp.maximum(label, 0)
    )
    return jax.lax.select(label < 0, jnp.zeros_like(nats), nats)
