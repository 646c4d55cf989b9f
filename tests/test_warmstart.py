"""A run that begins with another's network: exactly that one, once, or not at all."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import runs
from small import Small

import colorflax
from colorflax import checkpoint
from colorflax.errors import UserError
from colorflax.pretrained import shipped
from colorflax.training import assemble, steps, train


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_it_begins_with_the_network_of_the_checkpoint(
    finished: Path, photos: str, tmp_path: Path, ema: float
) -> None:
    """On several devices; with a fresh optimiser; the average has seen only that."""
    settings = runs.settings(photos, optim__ema=ema)
    run = runs.begin(settings, tmp_path, init_from=str(finished))
    fresh = steps.lane(run.task, "jit", 0).init(next(run.evaluation_batches()))
    state = run.start.of(fresh)
    saved = checkpoint.load(finished)
    for there in (state.newest, state.variables):
        jax.tree.map(np.testing.assert_array_equal, there, saved.variables)
    jax.tree.map(np.testing.assert_array_equal, state.opt_state, fresh.opt_state)
    assert int(state.step) == 0
    places = [
        x.sharding == y.sharding
        for x, y in zip(*map(jax.tree.leaves, (state, fresh)), strict=True)
    ]
    assert all(places)
    digest = checkpoint.digest(saved.variables)
    assert run.about["init_from"] == {"name": str(finished), "sha256": digest}


def test_the_same_command_goes_on(
    finished: Path, photos: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was begun with is not begun with again, whether or not it is still named."""
    ends = []
    for stops, again in (((6,), None), ((2, 4, 6), "same"), ((3, 6), None)):
        workdir = tmp_path / f"{len(ends)}"
        for i, stop in enumerate(stops):
            settings = runs.settings(photos, train__steps=stop)
            name = str(finished) if i == 0 or again else None
            train.train(
                runs.begin(settings, workdir, init_from=name), settings, workdir
            )
        words = f"{workdir}: begins with the network of {finished}\n"
        assert capsys.readouterr().err.count(words) == 1
        ends.append(workdir)
    runs.assert_same_end(ends[0], ends[1])
    runs.assert_same_end(ends[0], ends[2])
    step = checkpoint.load(finished).step
    (began,) = (row for row in runs.evaluations(finished) if row["step"] == step)
    for end in ends:
        looks = runs.evaluations(end)
        assert [row["step"] > 0 for row in looks[:2]] == [False, True]
        assert looks[0]["eval/mse"] == began["eval/mse"]
    about = checkpoint.load(ends[2]).about
    assert about["init_from"]["name"] == str(finished)
    with pytest.raises(AssertionError):
        runs.assert_same_end(ends[0], finished)


def test_what_does_not_fit_is_refused(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    other = runs.settings(photos, model__stride=4)
    with pytest.raises(UserError, match=r"model\.stride=2 and this config 4"):
        assemble.assemble(other, tmp_path, init_from=str(finished))
    with pytest.raises(UserError, match="no checkpoint here; name the folder of"):
        assemble.assemble(other, tmp_path, init_from=str(tmp_path / "none"))
    same = runs.settings(photos)
    with pytest.raises(UserError, match="began with random numbers"):
        assemble.assemble(same, finished, init_from=str(finished / "checkpoints" / "4"))
    run = runs.begin(same, tmp_path, network=Small, init_from=str(finished))
    state = steps.lane(run.task, "jit", 0).init(next(run.evaluation_batches()))
    with pytest.raises(UserError, match="where this network has"):
        run.start.of(state)


def test_default_is_the_word_for_ours(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", finished)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished / "checkpoints" / "4", tmp_path / "default/checkpoints/4")
    assert shipped.load(None).step == shipped.load("default").step == 6
    assert shipped.load("./default").step == 4
    shutil.rmtree("default")
    ours = runs.untrained(tmp_path / "default")
    for folder in ("./default", Path("default")):
        assert shipped.load(folder).path.is_relative_to(Path("default"))
        place = colorflax.load(folder).saved.path
        assert (tmp_path / place).is_relative_to(ours)
