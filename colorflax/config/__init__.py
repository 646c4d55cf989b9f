"""What to run: a ConfigDict becomes the frozen, checked dataclasses of `settings`.

Downwards: parsing, rules, ranges, settings, splits, backbones.
"""

from colorflax.config.parsing import parse
from colorflax.config.settings import (
    STEERED,
    STRIDES,
    Augment,
    Config,
    Data,
    Features,
    Model,
    Objective,
    Optim,
    Train,
)

__all__ = [
    "STEERED", "STRIDES", "Augment", "Config", "Data", "Features", "Model",
    "Objective", "Optim", "Train", "parse",
]  # fmt: skip
