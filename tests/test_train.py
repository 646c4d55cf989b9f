"""The loop: it learns, keeps the best, and stops loudly."""

import subprocess
import sys
from pathlib import Path

import commands
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import runs
from PIL import Image

from colorflax import checkpoint, config
from colorflax.color.bins import CENTRES
from colorflax.errors import UserError
from colorflax.training import assemble, train


def test_what_a_run_leaves(finished: Path, photos: str) -> None:
    assert runs.steps(finished) == [4, 6]
    rows = runs.rows(finished)
    assert [r["step"] for r in rows if "train/loss" in r] == [2, 4, 6]
    evaluations = runs.evaluations(finished)
    assert [r["step"] for r in evaluations] == [3, 6]
    assert evaluations[0]["eval/grey_mse"] == evaluations[1]["eval/grey_mse"]
    sheet = np.asarray(Image.open(finished / "pictures" / "000006.png"))
    assert sheet.shape[1:] == (48, 3)
    assert sheet.shape[0] % 16 == 0
    assert list((finished / "tensorboard").glob("events*"))
    saved = checkpoint.load(finished / "checkpoints" / "6")
    assert config.parse(saved.about["config"]) == runs.settings(photos)


def test_best_and_newest_checkpoints_are_kept(photos: str, tmp_path: Path) -> None:
    """With one checkpoint kept and a best before the end, two are left."""
    settings = runs.settings(photos, train__keep=1, train__eval_every=2)
    runs.finish(settings, tmp_path)
    scores = {r["step"]: r["eval/mse"] for r in runs.evaluations(tmp_path)}
    best = min(scores, key=lambda step: scores[step])
    assert runs.steps(tmp_path) == sorted({best, 6})
    assert checkpoint.load(tmp_path).step == best


def test_what_was_judged_is_saved(photos: str, tmp_path: Path) -> None:
    """Also between the steps of which all are saved."""
    settings = runs.settings(
        photos, train__eval_every=3, train__save_every=4, train__keep=3
    )
    runs.finish(settings, tmp_path)
    assert runs.steps(tmp_path) == [3, 4, 6]


def test_the_best_is_by_the_number_that_is_named(photos: str, tmp_path: Path) -> None:
    settings = runs.settings(
        photos, train__keep=1, train__eval_every=1, train__best="within_5"
    )
    runs.finish(settings, tmp_path)
    rows = runs.evaluations(tmp_path)
    most = max(r["eval/within_5"] for r in rows)
    best = checkpoint.load(tmp_path).step
    assert best in [r["step"] for r in rows if r["eval/within_5"] == most]
    bad = runs.settings(photos, train__best="fid")
    with pytest.raises(UserError, match=r"best should be one of loss, mse, .*'fid'"):
        assemble.assemble(bad, tmp_path / "other")


def test_not_a_number_stops_the_run(photos: str, tmp_path: Path) -> None:
    """An optimiser that breaks the parameters at the fourth step, the loss at none."""
    settings = runs.settings(photos, train__save_every=1)
    fuse = optax.scale_by_schedule(lambda count: jnp.where(count == 3, jnp.inf, 1.0))
    run = runs.begin(settings, tmp_path, after=fuse)
    message = "parameter_norm became inf at step 4; the checkpoint of step 3 is good"
    with pytest.raises(UserError, match=message):
        train.train(run, settings, tmp_path)
    assert max(runs.steps(tmp_path)) == 3
    saved = checkpoint.load(tmp_path / "checkpoints" / "3")
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(saved.variables))


def test_classification_estimates_its_prior_once(photos: str, tmp_path: Path) -> None:
    settings = runs.settings(
        photos, objective__name="classification", model__stride=4, train__steps=2
    )
    runs.finish(settings, tmp_path)
    prior = checkpoint.load(tmp_path).about["prior"]
    assert len(prior) == 313
    assert sum(prior) == pytest.approx(1)
    # The photographs are orange to yellow: no bin with negative b has a share.
    assert np.asarray(prior)[CENTRES[:, 1] < -10].sum() < 0.01
    again = assemble.assemble(settings, tmp_path)
    assert again.about["prior"] == prior


def test_prior_from_a_file(photos: str, tmp_path: Path) -> None:
    changes = {"objective__name": "classification", "model__stride": 4}
    bad = runs.settings(photos, objective__prior=str(tmp_path / "no.npy"), **changes)
    with pytest.raises(UserError, match=r"no\.npy: not a prior that can be read"):
        assemble.assemble(bad, tmp_path / "run")
    np.save(tmp_path / "flat.npy", np.ones(312))
    bad = runs.settings(photos, objective__prior=str(tmp_path / "flat.npy"), **changes)
    with pytest.raises(UserError, match="a prior is 313 shares"):
        assemble.assemble(bad, tmp_path / "run")
    np.save(tmp_path / "flat.npy", np.ones(313))
    run = assemble.assemble(bad, tmp_path / "run")
    np.testing.assert_allclose(run.about["prior"], 1 / 313)


def test_prior_is_carried_also_where_nothing_is_rebalanced(
    photos: str, tmp_path: Path
) -> None:
    """Decoding can be tilted by it later."""
    settings = runs.settings(
        photos, objective__name="classification", objective__rebalance=1.0,
        model__stride=4,
    )  # fmt: skip
    run = assemble.assemble(settings, tmp_path)
    assert sum(run.about["prior"]) == pytest.approx(1)
    assert run.task.objective.rebalancing is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config.train.stepz=3"], "unknown setting: stepz"),
        (["--config.parallel=pmap"], "unknown setting: parallel"),
        (["--config.train.steps=abc"], "--config.train.steps=abc"),
        (["--config=configs/nowhere.py"], "configs/nowhere.py"),
        (["--config=configs/fusion.py:imagnet"], "imagnet"),
        (["--config.data.source=folder:/nowhere"], "/nowhere: no such folder"),
        (["--workdir=/proc/nowhere"], "/proc/nowhere: cannot be written (No such file"),
        (["--config.train.batch_size=7"], "7 does not divide over 2 devices"),
    ],
)
def test_bad_commands_end_in_one_line(
    photos: str, tmp_path: Path, flags: list[str], message: str
) -> None:
    _, _, module, *usual = runs.command(photos, tmp_path)
    done = commands.run(module, *usual, *flags, env=runs.ENV)
    assert not done.stdout
    line = commands.complaint(done)
    assert line.startswith("colorflax: ")
    assert message in line


def test_a_config_is_found_from_another_folder(tmp_path: Path) -> None:
    """With the ones that it imports: what is wrong is what the flag says."""
    done = subprocess.run(
        [
            sys.executable, "-m", "colorflax.main",
            f"--config={commands.ROOT}/configs/simple.py", "--config.train.stepz=3",
        ],
        cwd=tmp_path, env=runs.ENV, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "unknown setting: stepz" in done.stderr


def test_a_plan_of_runs_is_for_another_command(tmp_path: Path) -> None:
    done = commands.run(
        "colorflax.main", "--config=configs/ablation.py:small",
        f"--workdir={tmp_path}", env=runs.ENV,
    )  # fmt: skip
    assert commands.complaint(done) == (
        "colorflax: configs/ablation.py plans several runs: python -m launch.ablate "
        "--config=configs/ablation.py:small"
    )
