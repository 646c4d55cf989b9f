"""A U-Net whose way down knows ImageNet: the recipe of the checkpoint that comes along.

    pip install '.[lite]'
    python -m colorflax.main --config=configs/lite.py \\
        --config.data.source=folder:photos

Plain cross-entropy over 313 bins: it learns how likely each colour is, and how lively
a picture becomes is chosen when that is decoded (`objective.gain`).

`finetune` after a colon is for beginning with that checkpoint on photographs of one's
own: 200 steps at a lower learning rate.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "lite"
    config.model.stride = 4
    config.model.encoder = "imagenet"
    config.model.dropout = 0.15
    config.objective.name = "classification"
    config.objective.rebalance = 1.0
    config.objective.temperature = 1.0
    config.data.short_side = 112
    config.data.size = 96
    config.data.scale_jitter = 1.43
    config.data.augment.fade = 15.0
    config.data.augment.grain = 2.0
    config.optim.learning_rate = 5e-4
    config.optim.schedule = "cosine"
    config.optim.warmup_steps = 300
    config.optim.cosine_steps = 3_600
    config.optim.ema = 0.998
    config.train.batch_size = 32
    config.train.steps = 3_600
    config.train.log_every = 50
    config.train.eval_every = 900
    config.train.save_every = 250
    return base.changed(config, words, {"finetune": _finetune})


def _finetune(config: ConfigDict) -> None:
    config.optim.learning_rate = 2e-4
    config.optim.warmup_steps = 20
    config.optim.cosine_steps = 200
    config.train.steps = 200
    config.train.log_every = 20
    config.train.eval_every = 100
    config.train.save_every = 100
