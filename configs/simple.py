"""The smallest network memorises one photograph: a check of the installation.

    python -m colorflax.main --config=configs/simple.py

It trains on the astronaut among the built-in photographs at 128 px for 2,400 steps of
one. On two CPU cores it took 1 min 4 s and reached a PSNR of ab of 41.65 dB, where grey
has 21.37 dB. The peak is the range of 256 ab units; with a peak of 128, both are 6.02
dB lower (35.63 dB). `pictures/` shows grey, output and truth. This does not say how it
colours another photograph.

The batch is that one photograph, so on several devices give each a copy:
--config.train.batch_size=8 for eight. The word `classification` after a colon predicts
313 bins at a quarter of the size.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "simple"
    config.model.stride = 1
    config.objective.scale = 128.0
    # The fifth by content is the astronaut; [2:3] is the cat, [6:7] coffee.
    config.data.train_split = "train[4:5]"
    config.data.validation_percent = 0.0  # the same photograph on both sides
    config.data.max_bad_percent = 0.0
    config.data.short_side = 128  # no room for another crop than this one
    config.data.size = 128
    config.data.flip = False
    config.optim.learning_rate = 2e-3
    config.train.steps = 2400
    config.train.batch_size = 1
    config.train.log_every = 100
    config.train.eval_every = 500
    config.train.save_every = 500
    config.train.keep = 1
    return base.changed(config, words, _CHANGES)


def _classification(config: ConfigDict) -> None:
    config.objective.name = "classification"
    config.objective.rebalance = 1.0  # what is rare in one photograph is not rare
    config.model.stride = 4


_CHANGES = {"classification": _classification}
