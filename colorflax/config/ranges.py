"""Between what ends a number of a config may lie."""

import operator

from colorflax.config.settings import Config
from colorflax.errors import UserError

_AT_LEAST = {
    "data.size": 1, "data.threads": 1, "data.workers": 0, "model.global_size": 1,
    "model.scene_weight": 0, "optim.cosine_steps": 0, "optim.warmup_steps": 0,
    "optim.weight_decay": 0, "optim.clip": 0, "train.steps": 1, "train.batch_size": 1,
    "train.log_every": 1, "train.eval_every": 1, "train.save_every": 1,
    "train.keep": 1, "train.accumulate": 1,
}  # fmt: skip
_POSITIVE = (
    "objective.temperature", "objective.rebalance", "objective.scale",
    "objective.huber_delta", "objective.gain", "optim.learning_rate",
)  # fmt: skip
_WITHIN = {  # both ends included
    "seed": (0, 2**32 - 1), "features.seed": (0, 2**32 - 1),
    "data.max_bad_percent": (0, 100), "data.scale_jitter": (1, 8),
    "data.augment.orthochromatic": (0, 1), "data.augment.blur": (0, 16),
    "data.augment.grain": (0, 50), "data.augment.fade": (0, 50),
    "data.augment.noise": (0, 50), "data.augment.dust": (0, 100),
    "objective.rebalance": (0, 1), "objective.scale": (0, 1000),
    "objective.tau": (-10, 10), "objective.gain": (0, 10),
}  # fmt: skip
_BELOW = {  # from 0 on
    "data.validation_percent": 100, "model.dropout": 1, "optim.beta1": 1,
    "optim.beta2": 1, "optim.ema": 1,
}  # fmt: skip


def check(config: Config) -> None:
    """Raise `UserError` for the first number that is outside; NaN always is."""
    for path, low in _AT_LEAST.items():
        value = _at(config, path)
        _need(value >= low, path, f"at least {low}", value)
    for path in _POSITIVE:
        value = _at(config, path)
        _need(value > 0, path, "positive", value)
    for path, (low, high) in _WITHIN.items():
        value = _at(config, path)
        _need(low <= value <= high, path, f"in {low}..{high}", value)
    for path, end in _BELOW.items():
        value = _at(config, path)
        _need(0 <= value < end, path, f"at least 0 and below {end}", value)


def _at(config: Config, path: str) -> int | float:
    value: int | float = operator.attrgetter(path)(config)
    return value


def _need(holds: bool, path: str, wanted: str, value: int | float) -> None:
    if not holds:
        shown = value if isinstance(value, int) else f"{value:g}"
        raise UserError(f"config.{path} should be {wanted}, not {shown}")
