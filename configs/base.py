"""The defaults of all settings.

This is what the other configs start from, and not one to run: it names no network. See
colorflax/config/settings.py for types and units. The values are those of a small run on
a laptop: eight built-in photographs at 64 px, 300 steps of 16.
"""

from collections.abc import Callable, Mapping

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "seed": 0,
            "model": {
                "name": "",
                "stride": 2,
                "global_size": 224,
                "scene_weight": 0.0,
                "dtype": "float32",
                "remat": False,
                "dropout": 0.0,
                "encoder": "random",
                "encoder_size": 0,
            },
            "objective": {
                "name": "regression",
                "rebalance": 0.5,
                "prior": "",
                "temperature": 0.38,
                "scale": 127.0,
                "loss": "mse",
                "huber_delta": 10.0,
                "tau": 0.0,
                "gain": 1.0,
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
                "scale_jitter": 1.0,
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
                "labels": "none",
            },
            "optim": {
                "learning_rate": 1e-3,
                "schedule": "constant",
                "drops": "",
                "cosine_steps": 0,
                "warmup_steps": 0,
                "beta1": 0.9,
                "beta2": 0.999,
                "weight_decay": 0.0,
                "clip": 0.0,
                "ema": 0.0,
            },
            "train": {
                "steps": 300,
                "batch_size": 16,
                "parallel": "jit",
                "log_every": 20,
                "eval_every": 100,
                "save_every": 100,
                "keep": 2,
                "accumulate": 1,
                "best": "mse",
            },
        }
    )


def changed(
    config: ConfigDict, words: str, changes: Mapping[str, Callable[[ConfigDict], None]]
) -> ConfigDict:
    """`config` after the change that each word, separated by commas, stands for."""
    for word in filter(None, words.split(",")):
        if word not in changes:
            known = ", ".join(sorted(changes))
            raise ValueError(f"{word!r} after the config's colon is not one of {known}")
        changes[word](config)
    return config
