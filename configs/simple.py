"""One photograph, learnt by heart by the smallest network: is the installation right?"""
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
                "steps": 2000,
                "batch_size": 1,
                "parallel": "jit",
                "log_every": 200,
                "eval_every": 1000,
                "save_every": 1000,
                "keep": 1,
            },
        }
    )
    return config
