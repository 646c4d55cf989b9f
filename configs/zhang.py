"""Colorful Image Colorization: a VGG-style network that classifies colour.

    python -m colorflax.main --config=configs/zhang.py --workdir=runs/zhang

A first run for a laptop: eight built-in photographs at 64 px, 80 steps of 8. On two CPU
cores it took 1 min 11 s. On the photographs that it trains on it reached an MSE of
0.00732 (ab/127)^2, where grey has 0.03670, and a PSNR of 27.09 dB, where grey has 19.64
dB. (Seed 0.)

`imagenet` is the recipe of the paper's authors, for a million photographs and a GPU:
crops of 176 px from 256, 450,000 steps of 40, Adam (0.9, 0.99) at 3e-5, at 1e-5 from
step 200,000 and at 3e-6 from 375,000, and an L2 decay of 1e-3. It has not been run with
colorflax:

    python -m colorflax.main --config=configs/zhang.py:imagenet \\
        --workdir=runs/zhang --config.data.source=folder:/photos

`regression` predicts two numbers in place of 313 bins, as the paper does to compare.
Words are separated by commas, as in `zhang.py:imagenet,regression`. The weights of the
authors need no training: python -m colorflax.published.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "zhang"
    config.model.stride = 4
    config.objective.name = "classification"
    config.objective.scale = 110.0
    # Ten times the paper's, for a run some thousand times shorter.
    config.optim.learning_rate = 3e-4
    config.optim.beta2 = 0.99
    config.optim.weight_decay = 1e-3
    config.train.steps = 80
    config.train.batch_size = 8
    config.train.log_every = 10
    config.train.eval_every = 40
    config.train.save_every = 40
    return base.changed(config, words, _CHANGES)


def _imagenet(config: ConfigDict) -> None:
    config.data.short_side = 256
    config.data.size = 176
    config.data.threads = 16
    config.optim.learning_rate = 3e-5
    config.optim.schedule = "step"
    config.optim.drops = "200000:1e-5,375000:3e-6"
    config.train.batch_size = 40
    config.train.steps = 450_000
    config.train.log_every = 100
    config.train.eval_every = 10_000
    config.train.save_every = 1_000


def _regression(config: ConfigDict) -> None:
    config.objective.name = "regression"


_CHANGES = {"imagenet": _imagenet, "regression": _regression}
