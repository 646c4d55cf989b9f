"""The smallest network learns one photograph by heart: is the installation right?

    python -m colorflax.main --config=configs/simple.py

The astronaut among the built-in photographs at 128 px, 2,400 steps of one. On two CPU
cores it took 1 min 2 s, and ended at a PSNR of ab of 41.90 dB where leaving it grey has
21.37; the peak is the range of 256 ab units, and with the 128 that ab gets away from
grey for the peak both are 6.02 dB lower (35.88 dB). `pictures/` shows grey, output and
truth. Nothing of this says how it colours another photograph.

The batch is that one photograph, so on several devices give each a copy:
--config.train.batch_size=8 for eight. One word after a colon changes it:
`classification` (313 bins at a quarter of the size).
"""

from ml_collections import ConfigDict


def get_config(words: str = "") -> ConfigDict:
    config = ConfigDict(
        {
            "seed": 0,
            "model": {"name": "simple", "stride": 1},
            "objective": {
                "name": "regression",
                "rebalance": 0.5,
                "prior": "",
                "temperature": 0.38,
                "scale": 128.0,
            },
            "features": {
                "name": "none",
                "weights": "imagenet",
                "on_missing": "error",
                "seed": 0,
            },
            "data": {
                "source": "builtin",
                # The fifth by content is the astronaut; [2:3] is the cat, [6:7] coffee.
                "train_split": "train[4:5]",
                "validation_split": "",
                "validation_percent": 0.0,  # the same photograph on both sides
                "max_bad_percent": 0.0,
                "fit": "crop",
                "short_side": 128,  # no room for another crop than this one
                "size": 128,
                "flip": False,
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
            "optim": {"learning_rate": 2e-3},
            "train": {
                "steps": 2400,
                "batch_size": 1,
                "parallel": "jit",
                "log_every": 100,
                "eval_every": 500,
                "save_every": 500,
                "keep": 1,
                "best": "mse",
            },
        }
    )
    for word in filter(None, words.split(",")):
        if word not in _CHANGES:
            known = ", ".join(sorted(_CHANGES))
            raise ValueError(f"{word!r} after configs/simple.py: is not one of {known}")
        _CHANGES[word](config)
    return config


def _classification(config: ConfigDict) -> None:
    config.objective.name = "classification"
    config.objective.rebalance = 1.0  # what is rare in one photograph is not rare
    config.model.stride = 4


_CHANGES = {"classification": _classification}
