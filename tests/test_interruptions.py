"""Killed, told to stop, damaged or out of room: a run loses nothing, and says so."""

import gc
import itertools
import logging
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
import optax
import pytest
import runs
from flax import linen as nn
from PIL import Image
from small import Line

from colorflax import checkpoint, cli, predict
from colorflax.checkpoint import reading
from colorflax.disk import lock
from colorflax.errors import Stopped, UserError
from colorflax.training import assemble, train
from launch import drill


def test_killed_runs_end_in_the_same_bits(
    photos: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XLA_FLAGS", runs.ENV["XLA_FLAGS"])
    command = [
        x for x in runs.command(photos, tmp_path) if not x.startswith("--workdir")
    ]
    assert drill.drill(command, tmp_path, kills=2, seed=0)
    printed = capsys.readouterr().out
    assert len(re.findall(r"^kill +\d: after +\d+\.\d\d s, ", printed, re.M)) == 2
    assert re.search(r"^run 1: the same, bit for bit$", printed, re.M)
    assert drill.difference(tmp_path / "straight", finished) == "other parameters"


def test_a_run_in_use(photos: str, tmp_path: Path) -> None:
    """Locked against a second one, open to colouring, and gone when asked to stop."""
    workdir = tmp_path / "run"
    command = [*runs.command(photos, workdir), "--config.train.steps=100000"]
    with subprocess.Popen(
        command, cwd=commands.ROOT, stderr=subprocess.PIPE, text=True, env=runs.ENV
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
        assert coloured.size == (40, 30)
        process.send_signal(signal.SIGTERM)
        last = process.stderr.read().splitlines()[-1]
    assert process.returncode == 75
    stopped = re.search(r"colorflax: .*: stopped at step (\d+) of 100000; noth", last)
    assert stopped
    assert max(runs.steps(workdir)) == int(stopped[1]) >= 5


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
    settings = runs.settings(photos)
    run = getattr(Signals(runs.begin(settings, tmp_path), number), place)(at)
    with pytest.raises(Stopped, match=f"stopped at step {step} of 6") as raised:
        train.train(run, settings, tmp_path)
    assert raised.value.code == code
    assert max(runs.steps(tmp_path)) == step
    assert step not in [row["step"] for row in runs.evaluations(tmp_path)]
    numbers = runs.finish(settings, tmp_path)
    assert drill.difference(finished, tmp_path) is None
    assert numbers["mse"] == runs.evaluations(tmp_path)[-1]["eval/mse"]
    assert checkpoint.load(tmp_path).step == checkpoint.load(finished).step
    assert not checkpoint.remembered(tmp_path)["changes"]


def test_a_score_given_later_counts(photos: str, tmp_path: Path) -> None:
    """Stopped at its best step before that was evaluated, a run still keeps it."""
    settings = runs.settings(photos, train__keep=1, train__eval_every=2)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    # From the third step on it gets worse.
    turn = optax.scale_by_schedule(lambda count: jnp.where(count < 2, 1.0, -30.0))
    for workdir in (straight, stopped):
        run = runs.begin(settings, workdir, after=turn)
        if workdir == stopped:
            with pytest.raises(Stopped):
                train.train(Signals(run, signal.SIGTERM).training(2), settings, workdir)
            assert runs.steps(stopped) == [2]
        train.train(run, settings, workdir)
        assert checkpoint.load(workdir).step == 2
        assert runs.steps(workdir) == [2, 6]
    assert drill.difference(straight, stopped) is None


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    finished: Path, copy: Path, photos: str, caplog: pytest.LogCaptureFixture
) -> None:
    largest = max(
        (p for p in (copy / "checkpoints" / "6").rglob("*") if p.is_file()),
        key=lambda p: p.stat().st_size,
    )
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    runs.finish(runs.settings(photos), copy)
    assert "step 6 is damaged" in caplog.text
    assert "going on from that of step 4" in caplog.text
    assert (copy / "damaged" / "6").is_dir()
    runs.assert_same_end(finished, copy)
    for folder in (copy / "checkpoints").iterdir():
        (folder / "state" / "_METADATA").unlink()
    with pytest.raises(UserError, match="every checkpoint is damaged"):
        runs.finish(runs.settings(photos), copy)


@pytest.mark.parametrize("links", [True, False])
def test_a_checkpoint_removed_while_it_is_read(
    copy: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """A second name keeps its files; where a disk has none, the next one is taken."""
    best = checkpoint.load(copy).step
    (copy / "lock").touch()  # as the run leaves it
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
    for name, age in (("reading-killed", 7_200), ("reading-now", 0)):
        (copy / name / "6").mkdir(parents=True)
        os.utime(copy / name, (time.time() - age,) * 2)
    saved = checkpoint.load(copy)
    assert saved.step == (best if links else 10 - best)  # of 4 and 6
    assert saved.path == copy / "checkpoints" / str(saved.step)
    assert list(copy.glob("reading-*")) == [copy / "reading-now"]


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
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Here the system refuses, from step 4 on, any file of more than 200,000 bytes."""
    # As in a command: Orbax's other writes fail as well, and asyncio logs those that
    # are thrown away before anybody has asked.
    monkeypatch.setattr(sys, "unraisablehook", cli.unraisable)
    caplog.set_level(logging.CRITICAL, logger="asyncio")
    settings = runs.settings(photos)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def begin(workdir: Path) -> assemble.Run:
        return runs.begin(settings, workdir, network=Heavy)

    def batches(start: int) -> Iterator[Any]:
        for step, batch in enumerate(straight.training_batches(start), start + 1):
            if step == 4:
                while not (workdir / "checkpoints" / "3").exists():
                    time.sleep(0.01)  # it is saved in the background
                resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
            yield batch

    straight = begin(tmp_path / "straight")
    train.train(straight, settings, tmp_path / "straight")
    workdir = tmp_path / "full"
    full = begin(workdir)._replace(training_batches=batches)
    try:
        with pytest.raises(UserError) as raised:
            train.train(full, settings, workdir)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    gc.collect()  # what is left behind complains now or never
    assert "Traceback" not in capfd.readouterr().err
    message = "a checkpoint could not be saved (File too large); step 3 is whole"
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert checkpoint.load(workdir).step == 3
    train.train(begin(workdir), settings, workdir)
    assert drill.difference(tmp_path / "straight", workdir) is None
