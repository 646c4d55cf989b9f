"""A U-Net whose way down knows ImageNet: the recipe of the checkpoint that comes along.

    pip install '.[lite]'
    python -m colorflax.main --config=configs/lite.py \
        --config.data.source=folder:photos

Ten thousand photographs are few: `unet` learns them by heart before it has learnt what
a tree is. This one begins with a classifier that has seen a million, leaves its lower
half as it is, and leaves out a part of the rest at each step.

Plain cross-entropy over 313 bins: it learns how likely each colour is, and how lively
a picture becomes is chosen when that is decoded (`objective.gain`). On the 1,149 of
11,845 photographs that were set aside, the MSE of the mean, in (ab/127)^2, was 0.01255
at 112 px by this command, 33.1% below grey, in an hour on two CPU cores. (`unet`, after
11,700 steps and four hours: 30.3%.)

`larger` goes on from there with nearly whole photographs, enlarged to what the
classifier knew, and the mean of several seeds is what comes along:

    python -m colorflax.main --config=configs/lite.py:larger --init_from=runs/lite \
        --workdir=runs/one --config.seed=1 --config.data.source=folder:photos
    python -m colorflax.export --checkpoint=runs/one --checkpoint=runs/two \
        --checkpoint=runs/three --out=mean --dtype=bfloat16 --temperature=0.8 \
        --gain=1.55

Twelve minutes each. Of squares of 192 px, where grey costs 0.01790, seeds 1 and 2 came
to 0.01157 and 0.01160, and the mean of these and of what they began with to 0.01151:
35.7% below. What comes along had a head start (colorflax/weights/README.md says which)
and is the mean of five: 0.01138, 36.4% below. Lite0's mean of six
(`--config.model.encoder_size=0`), which had seen 144 px, comes to 0.01152 there. More
steps alone gain nothing.

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
    """Then nearly whole photographs, as large as those that it will colour."""
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
