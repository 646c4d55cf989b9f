"""The optimiser: Adam, a schedule, and what is done to the gradient before."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from colorflax import config
from colorflax.config import rules


def build(settings: config.Optim) -> optax.GradientTransformation:
    """Clip, L2, Adam, schedule; of these only what `settings` asks for.

    The decay is part of the gradient that Adam sees, as in Caffe, which the recipe of
    arXiv 1603.08511 was written for; AdamW would subtract it beside Adam.
    """
    stages = []
    if settings.clip:
        stages.append(optax.clip_by_global_norm(settings.clip))
    if settings.weight_decay:
        stages.append(optax.add_decayed_weights(settings.weight_decay, mask=_kernels))
    # A number keeps no counter: the state that older checkpoints hold.
    rate: Any = schedule(settings) if _moves(settings) else settings.learning_rate
    stages.append(optax.scale_by_adam(settings.beta1, settings.beta2))
    stages.append(optax.scale_by_learning_rate(rate))
    return optax.chain(*stages)


def parts(settings: config.Optim) -> dict[str, bool]:
    """What the saved state holds beside parameters and Adam's means, by its setting."""
    return {
        "clip": settings.clip > 0,
        "weight_decay": settings.weight_decay > 0,
        "ema": settings.ema > 0,
        "schedule": _moves(settings),
    }


def _moves(settings: config.Optim) -> bool:
    return settings.schedule != "constant" or settings.warmup_steps > 0


def schedule(settings: config.Optim) -> optax.Schedule:
    """The learning rate of each step, counted from 0.

    Warm-up gives its i-th step (i + 1) / warmup_steps of the rate, so that none is
    lost at 0; the half cosine begins where warm-up ends and reaches 0 at cosine_steps.
    """
    top, warm = settings.learning_rate, settings.warmup_steps

    def rate(step: Any) -> jax.Array:
        value = jnp.asarray(top)
        if settings.schedule == "step":
            for first, lower in rules.parse_drops(settings.drops):
                value = jnp.where(step >= first, lower, value)
        if settings.schedule == "cosine":
            past = (step - warm) / (settings.cosine_steps - warm)
            value = top * 0.5 * (1 + jnp.cos(jnp.pi * jnp.clip(past, 0, 1)))
        return value * jnp.minimum(1.0, (step + 1) / warm) if warm else value

    return rate


def _kernels(params: Any) -> Any:
    # Biases and the scales of norms have no say in how much a network can bend: decay
    # would only move them towards a value that nothing prefers.
    return jax.tree.map(lambda x: x.ndim > 1, params)
