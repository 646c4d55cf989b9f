"""Does classification colour better than regression? Many runs, and one table.

    python -m launch.ablate --config=configs/ablation.py --workdir=runs/ablation \\
        --config.base.data.source=folder:photos

A plan of runs: every network with every objective from every seed. All runs follow
`base` (built-in photographs at 64 px unless you change it; no embedding, so nothing is
downloaded) with the same steps, batches and learning rate. All heads have a stride of
4, which classification needs, so that only the loss differs. The learning rate is not
tuned for any of them.

A classification can be decoded in many ways without another training. The table has a
row for each temperature and, without rebalancing, for each tau.

Words after a colon change the plan:

- `hour`: two seeds, and 1,000 steps of 16 with a falling learning rate. Its results are
  in launch/ABLATION.md. On two CPU cores each of its eight runs took eight to ten
  minutes.
- `small`: two objectives, one seed, and 60 steps of 8 at 32 px. It shows what is
  written, and checks that everything works; it is not an answer. With a cold cache it
  took 77 s of processor time. The scores are on the eight photographs that it trains
  on, where the truth has a colourfulness of 56.0:

  seed   regression                        rebalanced classification, T=0.38
  0      0.0150 (ab/127)^2, 27.1           0.0259 (ab/127)^2, 37.9
  1      0.0107, 34.1                      0.0271, 38.9
  2      0.0123, 35.0                      0.0258, 36.3
"""

from ml_collections import ConfigDict

from configs import base


def get_config(words: str = "") -> ConfigDict:
    recipe = base.get_config()
    recipe.model.stride = 4
    config = ConfigDict(
        {
            "base": recipe,
            "networks": "fusion",  # separated by commas, as are objectives
            "objectives": "mse,huber,plain,rebalanced",
            "reference": "mse",  # what all others are compared with
            "seeds": (0, 1, 2),  # of parameters, order, crops and mirroring
            "temperatures": (0.2, 0.38, 0.6, 1.0),
            "taus": (0.25, 0.5, 1.0),  # at the temperature of `base`
            "shown": "*",  # names of photographs that sheet.png may show, as in a shell
            # What each objective changes in base.objective.
            "each": {
                "mse": {"name": "regression", "loss": "mse"},
                "huber": {"name": "regression", "loss": "huber"},
                "plain": {"name": "classification", "rebalance": 1.0},
                "rebalanced": {"name": "classification", "rebalance": 0.5},
            },
        }
    )
    return base.changed(config, words, _CHANGES)


def _small(config: ConfigDict) -> None:
    config.objectives = "mse,rebalanced"
    config.seeds = (0,)
    config.base.data.size = 32
    config.base.data.short_side = 36
    config.base.optim.ema = 0.95  # so few steps end anywhere; their average does not
    config.base.train.steps = 60
    config.base.train.batch_size = 8
    config.base.train.log_every = 5
    config.base.train.eval_every = 20


def _hour(config: ConfigDict) -> None:
    config.seeds = (0, 1)
    config.base.optim.schedule = "cosine"
    config.base.optim.cosine_steps = 1_000
    config.base.optim.warmup_steps = 50
    config.base.train.steps = 1_000
    config.base.train.eval_every = 500
    config.base.train.save_every = 250


_CHANGES = {"hour": _hour, "small": _small}
