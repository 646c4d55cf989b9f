"""A plan of many runs: alike in all but what is compared, or refused."""

import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import commands
import numpy as np
import pytest

from colorflax.errors import UserError
from colorflax.training import assemble
from configs import ablation, simple
from launch.ablation import plan


def test_all_runs_are_alike_but_for_the_loss(photos: str, tmp_path: Path) -> None:
    values = ablation.get_config()
    values.base.data.source = f"folder:{photos}"
    values.base.data.size = values.base.data.short_side = 16
    values.networks = "simple,fusion"
    made = plan.parse(values)
    assert len({t.name for t in made.trainings}) == len(made.trainings) == 24
    assert [made.only(k).name for k in (0, 23)] == [
        "simple-mse-0",
        "fusion-rebalanced-2",
    ]
    for training in made.trainings:
        assert training.settings.model.stride == 4
        assert (training.temperatures != ()) == (
            training.settings.objective.name == "classification"
        )
        assert (training.taus != ()) == (training.objective == "plain")
    equal = {
        json.dumps(
            t.settings.to_dict() | {"seed": 0, "model": 0, "objective": 0},
            sort_keys=True,
        )
        for t in made.trainings
    }
    assert len(equal) == 1
    same_seed = [t for t in made.trainings if t.settings.seed == 1][:4]
    first, *others = [
        [batch["rgb"] for batch in itertools.islice(run.training_batches(0), 2)]
        for t in same_seed
        for run in [assemble.assemble(t.settings, tmp_path / t.name)]
    ]
    for batches in others:
        np.testing.assert_array_equal(batches, first)


base = ablation.get_config("hour").to_dict()["base"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"networks": "simple,lenet"}, "'lenet' is not one of fusion"),
        ({"objectives": "mse,mse"}, "config.objectives should be some, each once"),
        ({"objectives": "mse,l1"}, "'l1' is not one of huber, mse"),
        ({"reference": "huber", "objectives": "mse"}, "config.reference=huber is not"),
        ({"seeds": ()}, "config.seeds should be some"),
        ({"temperatures": (0.0,)}, "config.temperatures should be positive"),
        (
            {"base": base | {"optim": base["optim"] | {"cosine_steps": 60}}},
            "from config.base: config.train.steps=",
        ),
        ({"seeds": (-1,)}, "fusion-mse--1, from config.base: config.seed should be"),
    ],
)
def test_impossible_plans(change: dict[str, Any], message: str) -> None:
    values = ablation.get_config().to_dict() | change
    with pytest.raises(UserError, match=message):
        plan.parse(values)


def test_other_configs_are_no_ablations() -> None:
    with pytest.raises(UserError, match="should be an ablation such as"):
        plan.parse(simple.get_config())
    with pytest.raises(
        UserError, match="--only=12: the runs are numbered from 0 to 11"
    ):
        plan.parse(ablation.get_config()).only(12)


def test_the_array_script_passes_its_arguments_on() -> None:
    """What the cluster runs is the command of the documentation."""
    script = commands.ROOT / "launch" / "ablate.sh"
    subprocess.run(["bash", "-n", script], check=True)
    assert 'python -m launch.ablate "$@"' in script.read_text()
    assert os.access(script, os.X_OK)
