"""Deep Koalarization: an encoder-decoder that takes an image embedding.

    python -m colorflax.main --config=configs/fusion.py

A first run for a laptop: eight built-in photographs at 64 px, 300 steps of 16. On two
CPU cores, at 47 photographs a second, it took 2 min 16 s without the installation. On
the photographs that it trains on it reached an MSE of 0.00433 (ab/127)^2, where grey
has 0.03670, and a PSNR of 28.34 dB, where grey has 19.64 dB. (Random backbone weights,
without a download; seed 0.)

Words after a colon, separated by commas, change it: `classification` predicts 313 bins
in place of two numbers. `imagenet` is the full recipe, with the network and schedule of
the paper, for a folder of photographs and a GPU:

    python -m colorflax.main --config=configs/fusion.py:imagenet \\
        --config.data.source=folder:/photos

`--config.features.name` may be any classifier of Keras: see
colorflax/config/backbones.py.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "fusion"
    config.features.name = "inception_resnet_v2"
    config.features.on_missing = "random"
    return base.changed(config, words, _CHANGES)


def _classification(config: ConfigDict) -> None:
    config.objective.name = "classification"
    config.model.stride = 4


def _imagenet(config: ConfigDict) -> None:
    # The paper: Adam at 1e-3 throughout, batches of 100, about 54,000 photographs.
    # Its length is given in hours only; 40 passes are this project's reading of it.
    config.features.on_missing = "error"
    config.data.fit = "pad"
    config.data.size = 224
    config.data.threads = 16
    config.train.batch_size = 100
    config.train.steps = 21_600
    config.train.log_every = 100
    config.train.eval_every = 1_000
    config.train.save_every = 1_000


_CHANGES = {"classification": _classification, "imagenet": _imagenet}
