"""The loop: it learns, resumes to the same bits, and stops loudly."""

import dataclasses
import gc
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from PIL import Image

from colorflax import assemble, checkpoint, cli, config, lock, predict, train
from colorflax.bins import CENTRES
from colorflax.checkpoint import reading
from colorflax.errors import Stopped, UserError
from configs import fusion
from launch import drill

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


def _assemble(settings: config.Config, workdir: Path, **flags: bool) -> assemble.Run:
    run = assemble.assemble(settings, workdir, **flags)
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
        sys.executable, "-m", "colorflax.main", "--config=configs/simple.py",
        f"--workdir={workdir}", f"--config.data.source=folder:{photos}",
        "--config.data.train_split=train", "--config.data.size=16",
        "--config.data.short_side=16", "--config.data.validation_percent=20",
        "--config.train.steps=6", "--config.train.batch_size=8",
        "--config.train.log_every=1", "--config.train.eval_every=3",
        "--config.train.save_every=2",
    ]  # fmt: skip


def test_killed_runs_end_in_the_same_bits(
    photos: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XLA_FLAGS", ENV["XLA_FLAGS"])
    command = [x for x in _command(photos, tmp_path) if not x.startswith("--workdir")]
    assert drill.drill(command, tmp_path, kills=2, seed=0)
    printed = capsys.readouterr().out
    assert len(re.findall(r"^kill +\d: after +\d+\.\d\d s, ", printed, re.M)) == 2
    assert re.search(r"^run 1: the same, bit for bit$", printed, re.M)
    assert drill.difference(tmp_path / "straight", finished) == "other parameters"


def test_a_run_in_use(photos: str, tmp_path: Path) -> None:
    """Locked against a second one, open to colouring, and gone when asked to stop."""
    workdir = tmp_path / "run"
    command = [*_command(photos, workdir), "--config.train.steps=100000"]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=ENV
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 5/"):
                break
        with (
            pytest.raises(UserError, match=f"process {process.pid} on .* is at work"),
            lock.hold(workdir / "lock", "--workdir"),
        ):
            pass
        coloured = predict.load(workdir)(Image.open(Path(photos) / "0.png"))
        assert coloured.shape == (30, 40, 3)
        process.send_signal(signal.SIGTERM)
        last = process.stderr.read().splitlines()[-1]
    assert process.returncode == 75
    stopped = re.search(r"colorflax: .*: stopped at step (\d+) of 100000; noth", last)
    assert stopped
    assert max(_steps(workdir)) == int(stopped[1]) >= 5


@pytest.mark.parametrize("links", [True, False])
def test_a_checkpoint_removed_while_it_is_read(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """A second name keeps its files; where a disk has none, the next one is taken."""
    workdir = tmp_path / "run"
    shutil.copytree(finished, workdir)
    best = checkpoint.load(workdir).step
    take = reading._take

    def late(held: Path, folder: Path) -> checkpoint.Saved:
        if folder.name == str(best):
            shutil.rmtree(folder)
        return take(held, folder)

    def none(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(reading, "_take", late)
    if not links:
        monkeypatch.setattr(reading.os, "link", none)
    saved = checkpoint.load(workdir)
    assert saved.step == (best if links else 10 - best)  # of 4 and 6
    assert saved.path == workdir / "checkpoints" / str(saved.step)
    assert not list(workdir.glob("reading-*"))


class Signals:
    """The batches of a run; while one is taken, the process gets a signal."""

    def __init__(self, run: assemble.Run, number: signal.Signals):
        self._run, self._number = run, number

    def training(self, at: int) -> assemble.Run:
        """The signal comes with the batch that leads to step `at`."""

        def batches(start: int) -> Iterator[Any]:
            for step, batch in enumerate(self._run.training_batches(start), start + 1):
                if step == at:
                    os.kill(os.getpid(), self._number)
                yield batch

        return self._run._replace(training_batches=batches)

    def evaluation(self, at: int) -> assemble.Run:
        """The signal comes in the evaluation number `at`."""
        begun = itertools.count()  # the first batches of all give shapes only

        def batches() -> Iterator[Any]:
            if next(begun) == at:
                os.kill(os.getpid(), self._number)
            yield from self._run.evaluation_batches()

        return self._run._replace(evaluation_batches=batches)


@pytest.mark.parametrize(
    ("place", "at", "number", "code", "step"),
    [
        ("training", 1, signal.SIGINT, 130, 1),
        ("training", 3, signal.SIGTERM, 75, 3),  # where an evaluation is due
        ("evaluation", 1, signal.SIGUSR1, 75, 3),
        ("evaluation", 2, signal.SIGTERM, 75, 6),  # the last one
    ],
)
def test_a_signal_loses_nothing(
    finished: Path, photos: str, tmp_path: Path,
    place: str, at: int, number: signal.Signals, code: int, step: int,
) -> None:  # fmt: skip
    """What is saved, and that going on gives the run that never stopped."""
    settings = _settings(photos)
    run = getattr(Signals(_assemble(settings, tmp_path), number), place)(at)
    with pytest.raises(Stopped, match=f"stopped at step {step} of 6") as raised:
        train.train(run, settings, tmp_path)
    assert raised.value.code == code
    assert max(_steps(tmp_path)) == step
    assert not [r for r in _rows(tmp_path) if "eval/mse" in r and r["step"] == step]
    numbers = _train(settings, tmp_path)
    assert drill.difference(finished, tmp_path) is None
    assert (
        numbers["mse"]
        == [r for r in _rows(tmp_path) if "eval/mse" in r][-1]["eval/mse"]
    )
    assert checkpoint.load(tmp_path).step == checkpoint.load(finished).step
    assert not checkpoint.remembered(tmp_path)["changes"]


def test_a_score_given_later_counts(photos: str, tmp_path: Path) -> None:
    """Stopped at its best step before that was evaluated, a run still keeps it."""
    settings = _settings(photos, train__keep=1, train__eval_every=2)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    for workdir in (straight, stopped):
        run = _assemble(settings, workdir)
        turn = optax.scale_by_schedule(lambda count: jnp.where(count < 2, 1.0, -30.0))
        worse = optax.chain(run.task.optimizer, turn)  # after the second step
        run = run._replace(task=dataclasses.replace(run.task, optimizer=worse))
        if workdir == stopped:
            with pytest.raises(Stopped):
                train.train(Signals(run, signal.SIGTERM).training(2), settings, workdir)
            assert _steps(stopped) == [2]
        train.train(run, settings, workdir)
        assert checkpoint.load(workdir).step == 2
        assert _steps(workdir) == [2, 6]
    assert drill.difference(straight, stopped) is None


def test_the_best_is_by_the_number_that_is_named(photos: str, tmp_path: Path) -> None:
    settings = _settings(
        photos, train__keep=1, train__eval_every=1, train__best="within_5"
    )
    _train(settings, tmp_path)
    rows = [r for r in _rows(tmp_path) if "eval/mse" in r]
    most = max(r["eval/within_5"] for r in rows)
    best = checkpoint.load(tmp_path).step
    assert best in [r["step"] for r in rows if r["eval/within_5"] == most]
    bad = _settings(photos, train__best="fid")
    with pytest.raises(UserError, match=r"train\.best should be one of mse, .*'fid'"):
        assemble.assemble(bad, tmp_path / "other")


def test_changes_that_are_allowed_are_recorded(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(finished, workdir)
    changed = _settings(photos, optim__learning_rate=0.01, train__steps=7)
    run = _assemble(changed, workdir, allow_changes=True)
    assert run.about["changes"] == [["optim.learning_rate was 0.001 and is 0.01"]]
    assert run.about["yardstick"] == 0  # evaluations can still be compared
    train.train(run, changed, workdir)
    again = assemble.assemble(changed, workdir)
    assert again.about["changes"] == run.about["changes"]
    with pytest.raises(UserError, match=r"learning_rate was 0\.01 and is 0\.001"):
        assemble.assemble(_settings(photos), workdir)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("model__stride", 4, "model.stride was 2 and is 4, but the saved parameters"),
        ("features__seed", 1, "features.seed was 0 and is 1, but the network was"),
        ("objective__name", "classification", "objective.name was .* end in that head"),
    ],
)
def test_changes_of_the_state_are_refused(
    finished: Path, photos: str, path: str, value: Any, reason: str
) -> None:
    if path == "objective__name":
        values = _settings(photos, model__stride=4, objective__name=value)
        values = dataclasses.replace(values, model=_settings(photos).model)
    else:
        values = _settings(photos, **{path: value})
    with pytest.raises(UserError, match=reason):
        assemble.assemble(values, finished, allow_changes=True)


def test_another_kind_of_optimiser_does_not_fit(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    """What it keeps from step to step is another thing."""
    workdir = tmp_path / "copy"
    shutil.copytree(finished, workdir)
    clipped = _settings(photos, optim__clip=1.0, train__steps=7)
    with pytest.raises(UserError, match="step 6 saved has other parts or shapes"):
        train.train(_assemble(clipped, workdir, allow_changes=True), clipped, workdir)
    assert drill.difference(finished, workdir) is None


def test_scores_on_other_photographs_do_not_compare(
    photos: str, tmp_path: Path
) -> None:
    """Later and worse, but on what is evaluated today: the best."""
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    settings = _settings(str(folder), train__steps=2, train__keep=1)
    _train(settings, tmp_path / "run")
    for path in folder.iterdir():  # as far from grey as can be
        photo = Image.open(path).convert("RGB")
        Image.blend(photo, Image.new("RGB", photo.size, (0, 0, 255)), 0.9).save(path)
    settings = _settings(str(folder), train__steps=4, train__keep=1)
    with pytest.raises(UserError, match=r"photographs of .* changed\. .*allow_changes"):
        assemble.assemble(settings, tmp_path / "run")
    run = _assemble(settings, tmp_path / "run", allow_changes=True)
    train.train(run, settings, tmp_path / "run")
    scores = {
        r["step"]: r["eval/mse"] for r in _rows(tmp_path / "run") if "eval/mse" in r
    }
    assert scores[2] < scores[4]
    assert checkpoint.load(tmp_path / "run").step == 4


class Heavy(Line):
    """With parameters enough to fill a disk."""

    @nn.compact
    def __call__(self, L: jax.Array, *rest: object, **how: object) -> jax.Array:
        ballast = self.param("ballast", nn.initializers.normal(), (100_000,))
        return super().__call__(L) + 0 * ballast.mean()


def test_a_full_disk_is_one_line_and_no_loss(
    photos: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Here the system refuses, from step 4 on, any file of more than 200,000 bytes."""
    monkeypatch.setattr(sys, "unraisablehook", cli.unraisable)
    settings = _settings(photos)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def run(workdir: Path) -> assemble.Run:
        run = assemble.assemble(settings, workdir)
        objective = run.task.objective
        model = Heavy(objective.channels, objective.stride)
        return run._replace(task=dataclasses.replace(run.task, model=model))

    def batches(start: int) -> Iterator[Any]:
        for step, batch in enumerate(straight.training_batches(start), start + 1):
            if step == 4:
                while not (workdir / "checkpoints" / "2").exists():
                    time.sleep(0.01)  # it is saved in the background
                resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            yield batch

    straight = run(tmp_path / "straight")
    train.train(straight, settings, tmp_path / "straight")
    workdir = tmp_path / "full"
    try:
        with pytest.raises(UserError) as raised:
            train.train(
                run(workdir)._replace(training_batches=batches), settings, workdir
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    gc.collect()  # what is left behind complains now or never
    assert "Traceback" not in capfd.readouterr().err
    message = "a checkpoint could not be saved (File too large); step 2 is whole"
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert checkpoint.load(workdir).step == 2
    train.train(run(workdir), settings, workdir)
    assert drill.difference(tmp_path / "straight", workdir) is None


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
    _, _, module, *usual = _command(photos, tmp_path)
    done = commands.run(module, *usual, *flags, env=ENV)
    assert done.returncode in (1, 2)
    assert not done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("colorflax: ")
    assert message in lines[0]
