"""A U-Net whose way down knows ImageNet: the recipe of the checkpoint that comes along.

    pip install '.[lite]'
    python -m colorflax.main --config=configs/lite.py \
        --config.data.source=folder:photos

Ten thousand photographs are few: `unet` learns them by heart before it has learnt what
a tree is. This one begins with a classifier that has seen a million, leaves its lower
half as it is, and leaves out a part of the rest at each step.

Plain cross-entropy over 313 bins: it learns how likely each colour is, and how lively
a picture becomes is chosen when that is decoded (`objective.gain`). On 10,696
photographs from seed 0, in an hour on two CPU cores that other work ran on too, the MSE
of the mean on 1,149 others was 26.4% below grey after 500 steps, 29.6% after 900, 32.2%
after 1,800, and 33.0% after 2,700 and at the end: 0.0123 (ab/127)^2 where grey costs
0.0184. (`unet`, after 11,700 steps and four hours: 30.3%.) That run had a head start:
see colorflax/weights/README.md.

`larger` goes on from there with nearly whole photographs, and the mean of several seeds
is what comes along:

    python -m colorflax.main --config=configs/lite.py:larger --init_from=runs/lite \
        --workdir=runs/one --config.seed=1 --config.data.source=folder:photos
    python -m colorflax.export --checkpoint=runs/one --checkpoint=runs/two \
        --checkpoint=runs/three --out=mean --dtype=bfloat16 --temperature=0.8 --gain=1.5

Eight to ten minutes each. Of squares of 144 px, where grey costs 0.01787, the network
before came to 0.01183 (33.8% below), seeds 1 to 4 to 0.01164, 0.01177, 0.01176 and
0.01178, and the mean of these, of one that ran 2,200 steps with a cosine (0.01180),
and of the network before to 0.01159: 35.1%. More steps alone gained nothing.

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
    config.model.encoder_size = 0
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
    return base.changed(config, words, {"finetune": _finetune, "larger": _larger})


def _larger(config: ConfigDict) -> None:
    """Then nearly whole photographs, as large as those that it will colour."""
    config.model.dropout = 0.25
    config.data.short_side = 144
    config.data.size = 144
    config.data.scale_jitter = 1.11
    config.optim.learning_rate = 2e-4
    config.optim.schedule = "constant"  # its average, and that of several, calm it
    config.optim.warmup_steps = 50
    config.optim.cosine_steps = 0
    config.optim.ema = 0.995
    config.train.batch_size = 16
    config.train.steps = 1_000
    config.train.eval_every = 1_000


def _finetune(config: ConfigDict) -> None:
    _larger(config)
    config.optim.warmup_steps = 20
    config.train.steps = 200
    config.train.log_every = 20
    config.train.eval_every = 100
    config.train.save_every = 100
