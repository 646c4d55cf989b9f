"""Let there be Color!: global features learnt from scratch, also with scene names.

    python -m colorflax.main --config=configs/iizuka.py

A first run for a laptop: eight built-in photographs at 64 px, 300 steps of 16. On two
CPU cores it took 4 min 44 s. On the photographs that it trains on it reached an MSE of
0.00313 (ab/127)^2, where grey has 0.03670, and a PSNR of 29.38 dB, where grey has 19.64
dB. (Seed 0.)

Words after a colon, separated by commas, change it: `classification` predicts 313 bins
in place of two numbers. `scenes` also learns the scene of each photograph, which is the
first folder below `places` or another source. `places` is the full recipe of the paper,
for some two million photographs and a GPU:

    python -m colorflax.main --config=configs/iizuka.py:places,scenes \\
        --config.data.source=folder:/places205

The paper uses the optimiser Adadelta; this config uses Adam.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "iizuka"
    config.model.global_size = 64
    return base.changed(config, words, _CHANGES)


def _classification(config: ConfigDict) -> None:
    config.objective.name = "classification"
    config.model.stride = 4


def _scenes(config: ConfigDict) -> None:
    # 1/300 in the paper, beside an error of a sigmoid, a quarter of that of a tanh.
    config.model.scene_weight = 4 / 300
    config.data.labels = "folders"
    config.data.source = "folder:places"


def _places(config: ConfigDict) -> None:
    # The paper's length: 200,000 steps of 128, about eleven passes.
    config.model.global_size = 224
    config.data.short_side = 256
    config.data.size = 224
    config.data.threads = 16
    config.train.batch_size = 128
    config.train.steps = 200_000
    config.train.log_every = 100
    config.train.eval_every = 5_000
    config.train.save_every = 5_000


_CHANGES = {"classification": _classification, "places": _places, "scenes": _scenes}
