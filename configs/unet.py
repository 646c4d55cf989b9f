"""The recipe of the checkpoint that comes with colorflax.

    python -m colorflax.main --config=configs/unet.py \\
        --config.data.source=folder:photos

A U-Net of its own with a vector of the whole photograph, under the plain cross-entropy
of 313 bins: it learns what colours are how likely, and liveliness is chosen when it is
decoded (`objective.tau`).
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "unet"
    config.model.stride = 4
    config.objective.name = "classification"
    config.objective.rebalance = 1.0
    config.objective.temperature = 1.0
    config.data.augment.fade = 10.0
    config.data.augment.grain = 2.0
    config.optim.learning_rate = 1.5e-3
    config.optim.schedule = "cosine"
    config.optim.warmup_steps = 200
    config.optim.cosine_steps = 5_000
    config.optim.ema = 0.998
    config.train.batch_size = 32
    config.train.steps = 5_000
    config.train.log_every = 50
    config.train.eval_every = 1_000
    config.train.save_every = 250
    return base.changed(config, words, _CHANGES)


def _finetune(config: ConfigDict) -> None:
    config.optim.learning_rate = 3e-4
    config.optim.warmup_steps = 20
    config.optim.cosine_steps = 300
    config.train.steps = 300
    config.train.log_every = 20
    config.train.eval_every = 100
    config.train.save_every = 100


_CHANGES = {"finetune": _finetune}
