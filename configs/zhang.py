"""Colorful Image Colorization: a VGG-style network that classifies colour.

    python -m colorflax.main --config=configs/zhang.py --workdir=runs/zhang

A first run for a laptop: eight built-in photographs at 64 px, 80 steps of 8. It took
4 min 33 s of processor time, on a machine with two cores that others used too (11 min
by the clock), and ended, on the photographs it trained on, at an MSE of 0.00803
(ab/127)^2 where leaving them grey costs 0.03670, and a PSNR of 26.65 dB where grey has
19.64; seed 0.

The recipe of the paper's authors, for a million photographs and a GPU, is `imagenet`:
crops of 176 px from 256, 450,000 steps of 40, Adam (0.9, 0.99) at 3e-5, 1e-5 from step
200,000 and 3e-6 from 375,000, L2 decay of 1e-3. It was not run here:

    python -m colorflax.main --config=configs/zhang.py:imagenet \\
        --workdir=runs/zhang --config.data.source=folder:/photos

`regression` puts two numbers in place of the 313 bins, the paper's own comparison;
words are separated by commas, as in `zhang.py:imagenet,regression`. The authors'
weights need no training: python -m colorflax.published.
"""

from ml_collections import ConfigDict


def get_config(words: str = "") -> ConfigDict:
    config = ConfigDict(
        {
            "seed": 0,
            "model": {"name": "zhang", "stride": 4},
            "objective": {
                "name": "classification",
                "rebalance": 0.5,
                "prior": "",
                "temperature": 0.38,
                "scale": 110.0,
            },
            "features": {
                "name": "none",
                "weights": "imagenet",
                "on_missing": "error",
                "seed": 0,
            },
            "data": {
                "source": "builtin",
                "train_split": "train",
                "validation_split": "",
                "validation_percent": 10.0,
                "max_bad_percent": 5.0,
                "fit": "crop",
                "short_side": 72,
                "size": 64,
                "flip": True,
                "augment": {
                    "orthochromatic": 0.0,
                    "blur": 0.0,
                    "grain": 0.0,
                    "fade": 0.0,
                    "noise": 0.0,
                    "dust": 0.0,
                },
                "threads": 4,
                "workers": 0,
            },
            "optim": {
                # Ten times the paper's, for a run some thousand times shorter.
                "learning_rate": 3e-4,
                "schedule": "constant",
                "drops": "",
                "cosine_steps": 0,
                "warmup_steps": 0,
                "beta1": 0.9,
                "beta2": 0.99,
                "weight_decay": 1e-3,
                "clip": 0.0,
            },
            "train": {
                "steps": 80,
                "batch_size": 8,
                "parallel": "jit",
                "log_every": 10,
                "eval_every": 40,
                "save_every": 40,
                "keep": 2,
            },
        }
    )
    for word in filter(None, words.split(",")):
        if word not in _CHANGES:
            known = ", ".join(sorted(_CHANGES))
            raise ValueError(f"{word!r} after configs/zhang.py: is not one of {known}")
        _CHANGES[word](config)
    return config


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
