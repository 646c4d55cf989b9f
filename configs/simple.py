"""One photograph, learnt by heart by the smallest network: does everything work?

    python -m colorflax.main --config=configs/simple.py

TODO
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
                "steps": 1500,
                "batch_size": 1,
                "parallel": "jit",
                "log_every": 100,
                "eval_every": 500,
                "save_every": 500,
                "keep": 1,
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
