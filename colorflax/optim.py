"""The optimiser."""

import optax

from colorflax import config


def build(settings: config.Optim) -> optax.GradientTransformation:
    """Adam at a constant learning rate, as in both papers' recipes."""
    return optax.adam(settings.learning_rate)
