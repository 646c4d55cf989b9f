"""Objectives: what a network's head means, what it costs, how it becomes ab.

An objective is a value. It says how many channels the head has, gives one cost per
example, and decodes the head to colour; it never knows which network made the head.
"""

import dataclasses
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from colorflax import config
from colorflax.color import bins
from colorflax.errors import UserError
from colorflax.resample import pool, repeat


@runtime_checkable
class Objective(Protocol):
    """Head channels, cost of an example, and colour."""

    @property
    def channels(self) -> int:
        """Channels of the head."""
        ...

    @property
    def stride(self) -> int:
        """Pixels of the photograph per pixel of the head."""
        ...

    @property
    def gain(self) -> float:
        """What decoded colours are multiplied by."""
        ...

    def loss(
        self, head: Float[Array, "b h_s w_s q"], ab: Float[Array, "b h w 2"]
    ) -> Float[Array, " b"]:
        """Cost of each example; neither summed nor averaged over examples."""
        ...

    def decode(self, head: Float[Array, "b h_s w_s q"]) -> Float[Array, "b h_s w_s 2"]:
        """The ab that the head stands for, at the head's own size."""
        ...


@dataclasses.dataclass(frozen=True)
class Regression:
    """Squared error on ab / scale, through tanh (arXiv 1712.03400, section 2.2).

    The head is repeated to the photograph's size before it is compared, as the paper's
    network ends in a nearest-neighbour doubling. The cost of an example is the mean
    over its pixels and both channels.

    Attributes:
        stride: pixels of the photograph per pixel of the head.
        scale: the ab that tanh can just not reach.
        delta: ab units from which the cost of an error e is Huber's, which rises evenly
            (delta e - delta^2 / 2, before it e^2 / 2); None for e^2 throughout.
        gain: what decoded colours are multiplied by.
    """

    stride: int = 2
    scale: float = 127.0
    delta: float | None = None
    gain: float = 1.0
    channels: int = dataclasses.field(default=2, init=False)

    def loss(
        self, head: Float[Array, "b h_s w_s 2"], ab: Float[Array, "b h w 2"]
    ) -> Float[Array, " b"]:
        """Mean cost of each example, in squares of `scale` ab."""
        _need_head(head, ab, self)
        output = repeat(jnp.tanh(head), self.stride, ab.shape[1:3])
        error = output - ab / self.scale
        if self.delta is None:
            cost = jnp.square(error)
        else:
            delta = self.delta / self.scale
            within = jnp.minimum(jnp.abs(error), delta)
            cost = within * (jnp.abs(error) - within / 2)
        return jnp.mean(cost, axis=(1, 2, 3))

    def decode(self, head: Float[Array, "b h_s w_s 2"]) -> Float[Array, "b h_s w_s 2"]:
        """Ab within +-gain * scale."""
        return self.gain * self.scale * jnp.tanh(head)


@dataclasses.dataclass(frozen=True, eq=False)
class Classification:
    """Cross-entropy against soft-encoded ab bins (arXiv 1603.08511, section 2).

    The target of a pixel of the head is the mean colour of the pixels it covers,
    spread over the 5 bins around it. The cost of an example is the mean over its
    pixels, in nats, each pixel weighted by how rare its colour is where
    `rebalancing` is given.

    Attributes:
        stride: pixels of the photograph per pixel of the head.
        temperature: T of the annealed mean that decodes; near 0 the likeliest colour,
            1 the mean of the distribution.
        rebalancing: (313,) weights, from `bins.rebalancing_weights`; or None.
        tau: tau log(w) is added to the logits before they are decoded. It turns what a
            network says that was trained on weights of 1 towards what it would say had
            they been w^tau: livelier.
        log_weights: (313,), log(w) of the rebalancing weights w at 0.5; or None, and
            tau is 0.
        gain: what decoded colours are multiplied by.
    """

    stride: int = 4
    temperature: Any = 0.38  # a number, perhaps a traced one; as tau
    rebalancing: np.ndarray | None = None
    tau: Any = 0.0
    log_weights: np.ndarray | None = None
    gain: float = 1.0
    channels: int = dataclasses.field(default=313, init=False)

    def loss(
        self, head: Float[Array, "b h_s w_s 313"], ab: Float[Array, "b h w 2"]
    ) -> Float[Array, " b"]:
        """Mean cross-entropy of each example, in nats."""
        _need_head(head, ab, self)
        indices, weights = bins.soft_encode(pool(ab, self.stride))
        cost = sparse_cross_entropy(head.astype(jnp.float32), indices, weights)
        if self.rebalancing is not None:
            cost = cost * jnp.asarray(self.rebalancing)[indices[..., 0]]
        return jnp.mean(cost, axis=(1, 2))

    def decode(
        self, head: Float[Array, "b h_s w_s 313"]
    ) -> Float[Array, "b h_s w_s 2"]:
        """The annealed mean of the bins, times the gain."""
        return self.gain * bins.annealed_mean(self.tilted(head), self.temperature)

    def tilted(
        self, head: Float[Array, "b h_s w_s 313"]
    ) -> Float[Array, "b h_s w_s 313"]:
        """The logits that are decoded."""
        if self.log_weights is None:
            return head
        tilt = self.tau * jnp.asarray(self.log_weights, head.dtype)
        return head + tilt[None, None, None]


def _need_head(head: jax.Array, ab: jax.Array, objective: Objective) -> None:
    """Raise where a network's head is not what the objective takes it for."""
    rows, columns = (-(-side // objective.stride) for side in ab.shape[1:3])
    needed = (ab.shape[0], rows, columns, objective.channels)
    if head.shape != needed:
        raise ValueError(
            f"a head of {head.shape} for ab of {ab.shape}, where {needed} is needed: "
            f"{objective.channels} channels at stride {objective.stride}"
        )


@jax.custom_vjp
def sparse_cross_entropy(
    logits: Float[Array, "*batch q"],
    indices: Int[Array, "*batch k"],
    weights: Float[Array, "*batch k"],
) -> Float[Array, "*batch"]:
    """-sum_k w_k log softmax(logits)[i_k], in nats; no dense target is formed.

    Reverse mode only.

    Its gradient is softmax(logits) * sum(w) minus w at the k indices, written in one
    pass: besides the logits and their gradient nothing of that size is kept, where
    plain differentiation would keep the softmax as well.
    """
    cost, _ = _cross_entropy(logits, indices, weights)
    return cost


def _cross_entropy(
    logits: Array, indices: Array, weights: Array
) -> tuple[Array, tuple[Array, ...]]:
    # The largest logit and the sum stay apart: joined in one logarithm, large logits
    # would round away the digits that the gradient needs.
    top = jnp.max(logits, axis=-1, keepdims=True)
    z = jnp.sum(jnp.exp(logits - top), axis=-1, keepdims=True)
    chosen = jnp.take_along_axis(logits, indices, axis=-1)
    nats = (top - chosen) + jnp.log(z)
    return jnp.sum(weights * nats, axis=-1), (logits, indices, weights, top, z, nats)


def _cross_entropy_gradient(
    saved: tuple[Array, ...], g: Array
) -> tuple[Array, None, Array]:
    logits, indices, weights, top, z, nats = saved
    total = jnp.sum(weights, axis=-1, keepdims=True)
    channel = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    gradient = jnp.exp(logits - top) * (total / z)
    for k in range(indices.shape[-1]):
        hit = channel == indices[..., k, None]
        gradient = gradient - jnp.where(hit, weights[..., k, None], 0.0)
    return g[..., None] * gradient, None, g[..., None] * nats


sparse_cross_entropy.defvjp(_cross_entropy, _cross_entropy_gradient)


def build(
    settings: config.Objective, stride: int, prior: np.ndarray | None
) -> Objective:
    """The objective that `settings` names; `prior` are shares of the 313 bins.

    Raises:
        UserError: `settings.tau` needs a prior, and there is none.
        NotImplementedError: a name that is not built here.
    """
    deltas = {"mse": None, "huber": settings.huber_delta}
    match settings.name, settings.loss:
        case "regression", loss if loss in deltas:
            return Regression(
                stride=stride, scale=settings.scale, delta=deltas[loss],
                gain=settings.gain,
            )  # fmt: skip
        case "classification", "mse":
            pass
        case name, loss:
            raise NotImplementedError(f"objectives.build: no {name} with loss={loss}")
    weights = log_weights = None
    if prior is not None:
        log_weights = np.log(bins.rebalancing_weights(prior))
        if settings.rebalance < 1:
            weights = bins.rebalancing_weights(prior, settings.rebalance)
    elif settings.tau:
        raise UserError(
            f"tau={settings.tau:g} needs the prior that the network was trained with, "
            "and this checkpoint, written before they carried one, has none; train "
            "again or take tau=0"
        )
    return Classification(
        stride=stride,
        temperature=settings.temperature,
        rebalancing=weights,
        tau=settings.tau,
        log_weights=log_weights,
        gain=settings.gain,
    )
