"""The loop: it learns, resumes to the same bits, and stops loudly."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from PIL import Image

from colorflax import assemble, checkpoint, config, train
from colorflax.bins import CENTRES
from colorflax.errors import UserError
from configs import fusion

ROOT = Path(__file__).parent.parent
ENV = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


def _settings(photos: str, **changes: Any) -> config.Config:
    values = fusion.get_config().to_dict()
    values["features"]["name"] = "none"
    values["data"].update(
        source=f"folder:{photos}", size=16, short_side=16, validation_percent=20.0
    )
    values["train"].update(
        steps=6, batch_size=8, log_every=2, eval_every=3, save_every=2
    )
    for path, value in changes.items():
        room, name = path.split("__")
        values[room][name] = value
    return config.parse(values)


class Line(nn.Module):
    """The smallest network: the loop must not care."""

    channels: int
    stride: int

    @nn.compact
    def __call__(
        self, L: jax.Array, embedding: jax.Array | None = None, **how: object
    ) -> jax.Array:
        return nn.Conv(self.channels, (3, 3), self.stride)(L / 50 - 1)


def _assemble(settings: config.Config, workdir: Path) -> assemble.Run:
    run = assemble.assemble(settings, workdir)
    objective = run.task.objective
    model = Line(objective.channels, objective.stride)
    return run._replace(task=dataclasses.replace(run.task, model=model))


def _train(settings: config.Config, workdir: Path) -> dict[str, float]:
    return train.train(_assemble(settings, workdir), settings, workdir)


def _steps(workdir: Path) -> list[int]:
    return sorted(int(p.name) for p in (workdir / "checkpoints").iterdir())


def _rows(workdir: Path) -> list[dict[str, float]]:
    return [json.loads(x) for x in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("runs") / "straight"
    _train(_settings(photos), workdir)
    return workdir


def test_what_a_run_leaves(finished: Path, photos: str) -> None:
    assert _steps(finished) == [4, 6]
    rows = _rows(finished)
    assert [r["step"] for r in rows if "train/loss" in r] == [2, 4, 6]
    evaluations = [r for r in rows if "eval/mse" in r]
    assert [r["step"] for r in evaluations] == [3, 6]
    assert evaluations[0]["eval/grey_mse"] == evaluations[1]["eval/grey_mse"]
    sheet = np.asarray(Image.open(finished / "pictures" / "000006.png"))
    assert sheet.shape[1:] == (48, 3)
    assert sheet.shape[0] % 16 == 0
    assert list((finished / "tensorboard").glob("events*"))
    saved = checkpoint.load(finished / "checkpoints" / "6")
    assert config.parse(saved.about["config"]) == _settings(photos)


def test_best_and_newest_checkpoints_are_kept(photos: str, tmp_path: Path) -> None:
    """With one checkpoint kept and a best before the end, two are left."""
    settings = _settings(photos, train__keep=1, train__eval_every=2)
    _train(settings, tmp_path)
    scores = {r["step"]: r["eval/mse"] for r in _rows(tmp_path) if "eval/mse" in r}
    best = min(scores, key=lambda step: scores[step])
    assert _steps(tmp_path) == sorted({best, 6})
    assert checkpoint.load(tmp_path).step == best


def test_resuming_equals_no_interruption(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    """Stopped at 4 of 6 by asking for fewer steps, then asked for all."""
    _train(_settings(photos, train__steps=4), tmp_path)
    _train(_settings(photos), tmp_path)
    _equal(finished, tmp_path)
    timeless = [
        [{k: v for k, v in row.items() if "images_per_s" not in k} for row in _rows(d)]
        for d in (finished, tmp_path)
    ]
    straight, resumed = timeless
    assert [r for r in resumed if r["step"] > 4] == [
        r for r in straight if r["step"] > 4
    ]


def _equal(one: Path, other: Path) -> None:
    a, b = (checkpoint.load(d / "checkpoints" / "6").variables for d in (one, other))
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    finished: Path, photos: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(finished, workdir)
    largest = max(
        (p for p in (workdir / "checkpoints" / "6").rglob("*") if p.is_file()),
        key=lambda p: p.stat().st_size,
    )
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    _train(_settings(photos), workdir)
    assert "step 6 is damaged" in caplog.text
    assert "going on from that of step 4" in caplog.text
    assert (workdir / "damaged" / "6").is_dir()
    _equal(finished, workdir)
    for folder in (workdir / "checkpoints").iterdir():
        (folder / "state" / "_METADATA").unlink()
    with pytest.raises(UserError, match="every checkpoint is damaged"):
        _train(_settings(photos), workdir)


def test_a_finished_run_is_not_run_again(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(finished, workdir)
    before = (workdir / "metrics.jsonl").read_text()
    numbers = _train(_settings(photos), workdir)
    assert (workdir / "metrics.jsonl").read_text() == before
    last = [r for r in _rows(workdir) if "eval/mse" in r][-1]
    assert numbers["mse"] == last["eval/mse"]


def test_a_run_that_saved_nothing_may_become_another(
    photos: str, tmp_path: Path
) -> None:
    assemble.assemble(_settings(photos), tmp_path)
    assemble.assemble(_settings(photos, optim__learning_rate=0.01), tmp_path)


def test_another_config_in_the_same_folder_is_refused(
    finished: Path, photos: str
) -> None:
    with pytest.raises(UserError, match=r"learning_rate was 0\.001 and is 0\.01"):
        assemble.assemble(_settings(photos, optim__learning_rate=0.01), finished)
    assemble.assemble(_settings(photos, train__log_every=1), finished)


def test_other_photographs_in_the_same_run_are_refused(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    _train(_settings(str(folder), train__steps=1), tmp_path / "run")
    (folder / "0.png").unlink()
    with pytest.raises(UserError, match="photographs of .* changed"):
        assemble.assemble(_settings(str(folder)), tmp_path / "run")


def test_not_a_number_stops_the_run(photos: str, tmp_path: Path) -> None:
    """An optimiser that breaks the parameters at the fourth step, the loss at none."""
    settings = _settings(photos, train__save_every=1)
    run = _assemble(settings, tmp_path)
    fuse = optax.scale_by_schedule(lambda count: jnp.where(count == 3, jnp.inf, 1.0))
    broken = optax.chain(run.task.optimizer, fuse)
    run = run._replace(task=dataclasses.replace(run.task, optimizer=broken))
    message = "parameter_norm became inf at step 4; the checkpoint of step 3 is good"
    with pytest.raises(UserError, match=message):
        train.train(run, settings, tmp_path)
    assert max(_steps(tmp_path)) == 3
    saved = checkpoint.load(tmp_path / "checkpoints" / "3")
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(saved.variables))


def test_classification_estimates_its_prior_once(photos: str, tmp_path: Path) -> None:
    settings = _settings(
        photos, objective__name="classification", model__stride=4, train__steps=2
    )
    _train(settings, tmp_path)
    prior = checkpoint.load(tmp_path).about["prior"]
    assert len(prior) == 313
    assert sum(prior) == pytest.approx(1)
    # The photographs are orange to yellow: no bin with negative b has a share.
    assert np.asarray(prior)[CENTRES[:, 1] < -10].sum() < 0.01
    again = assemble.assemble(settings, tmp_path)
    assert again.about["prior"] == prior


def test_prior_from_a_file(photos: str, tmp_path: Path) -> None:
    changes = {"objective__name": "classification", "model__stride": 4}
    bad = _settings(photos, objective__prior=str(tmp_path / "no.npy"), **changes)
    with pytest.raises(UserError, match=r"no\.npy: not a prior that can be read"):
        assemble.assemble(bad, tmp_path / "run")
    np.save(tmp_path / "flat.npy", np.ones(312))
    bad = _settings(photos, objective__prior=str(tmp_path / "flat.npy"), **changes)
    with pytest.raises(UserError, match="a prior is 313 shares"):
        assemble.assemble(bad, tmp_path / "run")
    np.save(tmp_path / "flat.npy", np.ones(313))
    run = assemble.assemble(bad, tmp_path / "run")
    np.testing.assert_allclose(run.about["prior"], 1 / 313)


def _command(photos: str, workdir: Path) -> list[str]:
    return [
        sys.executable, "-m", "colorflax.main", "--config=configs/fusion.py",
        f"--workdir={workdir}", f"--config.data.source=folder:{photos}",
        "--config.features.name=none", "--config.data.size=16",
        "--config.data.short_side=16", "--config.data.validation_percent=20",
        "--config.train.steps=6", "--config.train.batch_size=8",
        "--config.train.log_every=1", "--config.train.eval_every=3",
        "--config.train.save_every=2",
    ]  # fmt: skip


def test_killed_run_ends_in_the_same_bits(photos: str, tmp_path: Path) -> None:
    """SIGKILL at two moments, in two processes that never meet."""
    command = _command(photos, tmp_path)
    for moment in ("step 3/6", "step 5/6"):
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            env=ENV,
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith(moment):
                    break
            process.send_signal(signal.SIGKILL)
    assert _steps(tmp_path)[-1:] < [6]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=ENV,
        check=True,
    )
    assert "going on from step" in done.stderr
    straight = tmp_path / "straight"
    subprocess.run(
        _command(photos, straight),
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=ENV,
    )
    _equal(straight, tmp_path)
    assert re.search(r"MSE of ab.*\d\.\d{5} +\d\.\d{5}", done.stdout)
    assert "grey" in done.stdout
    assert f"--checkpoint={tmp_path}" in done.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--config.train.stepz=3"], "unknown setting: stepz"),
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
    done = subprocess.run(
        [*_command(photos, tmp_path), *flags],
        cwd=ROOT, capture_output=True, text=True, env=ENV,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert not done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("colorflax: ")
    assert message in lines[0]
