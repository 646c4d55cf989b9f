"""A run that goes on is the run that began, and says what has changed since."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import runs
from PIL import Image

from colorflax import checkpoint, predict
from colorflax.errors import UserError
from colorflax.training import assemble, resume, train


def test_resuming_equals_no_interruption(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    """Stopped at 4 of 6 by asking for fewer steps, then asked for all."""
    runs.finish(runs.settings(photos, train__steps=4), tmp_path)
    runs.finish(runs.settings(photos), tmp_path)
    runs.assert_same_end(finished, tmp_path)
    straight, resumed = (
        [row | {"train/images_per_s": None} for row in runs.rows(d) if row["step"] > 4]
        for d in (finished, tmp_path)
    )
    assert resumed == straight


def test_a_finished_run_is_not_run_again(copy: Path, photos: str) -> None:
    before = (copy / "metrics.jsonl").read_text()
    numbers = runs.finish(runs.settings(photos), copy)
    assert (copy / "metrics.jsonl").read_text() == before
    assert numbers["mse"] == runs.evaluations(copy)[-1]["eval/mse"]


def test_a_network_of_ones_own_is_not_taken_for_ours(
    copy: Path, photos: str, tmp_path: Path
) -> None:
    """Nor is a run of one gone on with by another, whatever the config says."""
    settings = runs.settings(photos)
    with pytest.raises(UserError, match=r"trained with small\.Line, which its config"):
        predict.load(copy)
    run = assemble.assemble(settings, copy)
    colorizer = predict.Colorizer(
        checkpoint.load(copy), coloring=runs.begin(settings, copy).task
    )
    assert colorizer(np.zeros((20, 20), np.uint8)).shape == (20, 20, 3)
    with pytest.raises(
        UserError, match=r"with small\.Line, .* with what its config names"
    ):
        train.train(run, settings, copy)


def test_pictures_of_a_run_are_no_photographs(tmp_path: Path) -> None:
    (tmp_path / "photos" / "run").mkdir(parents=True)
    settings = runs.settings(str(tmp_path / "photos"))
    for place in (tmp_path / "photos", tmp_path / "photos" / "run"):
        with pytest.raises(UserError, match="lies among the photographs of folder:"):
            assemble.assemble(settings, place)


def test_a_run_that_saved_nothing_may_become_another(
    photos: str, tmp_path: Path
) -> None:
    assemble.assemble(runs.settings(photos), tmp_path)
    assemble.assemble(runs.settings(photos, optim__learning_rate=0.01), tmp_path)


def test_another_config_in_the_same_folder_is_refused(
    finished: Path, photos: str
) -> None:
    with pytest.raises(UserError, match=r"learning_rate was 0\.001 and is 0\.01"):
        assemble.assemble(runs.settings(photos, optim__learning_rate=0.01), finished)
    assemble.assemble(runs.settings(photos, train__log_every=1), finished)


def test_other_photographs_in_the_same_run_are_refused(
    finished: Path, photos: str, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    runs.finish(runs.settings(str(folder), train__steps=1), tmp_path / "run")
    (folder / "0.png").unlink()
    with pytest.raises(UserError, match="photographs of .* changed"):
        assemble.assemble(runs.settings(str(folder)), tmp_path / "run")


def test_changes_that_are_allowed_are_recorded(copy: Path, photos: str) -> None:
    changed = runs.settings(photos, optim__learning_rate=0.01, train__steps=7)
    run = runs.begin(changed, copy, allow_changes=True)
    assert run.about["changes"] == [["optim.learning_rate was 0.001 and is 0.01"]]
    assert run.about["yardstick"] == 0  # evaluations can still be compared
    train.train(run, changed, copy)
    again = assemble.assemble(changed, copy)
    assert again.about["changes"] == run.about["changes"]
    with pytest.raises(UserError, match=r"learning_rate was 0\.01 and is 0\.001"):
        assemble.assemble(runs.settings(photos), copy)


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        *(("objective.gain", 1), ("objective.temperature", 1), ("objective.tau", 1)),
        *(("data.size", 1), ("photographs", 1), ("data.flip", 0)),
        *(("objective.prior", 1), ("data.scale_jitter", 0)),
        *(("objective.rebalance", 0), ("optim.learning_rate", 0)),
    ],
)
def test_scores_are_compared_while_they_measure_the_same(name: str, moved: int) -> None:
    before = {"changes": [], "yardstick": 3}
    assert resume.history(before, {name: "other"})["yardstick"] == 3 + moved


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
        values = runs.settings(photos, model__stride=4, objective__name=value)
        values = dataclasses.replace(values, model=runs.settings(photos).model)
    else:
        values = runs.settings(photos, **{path: value})
    with pytest.raises(UserError, match=reason):
        assemble.assemble(values, finished, allow_changes=True)


@pytest.mark.parametrize("name", ["model.dtype", "model.dropout"])
def test_what_the_state_does_not_know_may_change(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="by --allow_changes"):
        resume.permit({name: "another"}, tmp_path, allow=False)
    resume.permit({name: "another"}, tmp_path, allow=True)


@pytest.mark.parametrize(
    ("name", "value", "how"),
    [
        ("clip", 1.0, r"optim\.clip was 0\.0 and is 1\.0"),
        ("weight_decay", 0.1, r"optim\.weight_decay was 0\.0 and is 0\.1"),
        ("ema", 0.9, r"optim\.ema was 0\.0 and is 0\.9"),
        ("warmup_steps", 2, "its learning rate was constant and moves"),
    ],
)
@pytest.mark.parametrize("allow", [False, True])
def test_another_kind_of_optimiser_does_not_fit(
    finished: Path, photos: str, name: str, value: Any, how: str, allow: bool
) -> None:
    """What it keeps from step to step is another thing; its network may go on."""
    other = runs.settings(photos, **{f"optim__{name}": value})
    with pytest.raises(UserError, match=f"{how}, but .* --init_from={finished}$"):
        assemble.assemble(other, finished, allow_changes=allow)


def test_scores_on_other_photographs_do_not_compare(
    photos: str, tmp_path: Path
) -> None:
    """Later and worse, but on what is evaluated today: the best."""
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    settings = runs.settings(str(folder), train__steps=2, train__keep=1)
    runs.finish(settings, tmp_path / "run")
    for path in folder.iterdir():  # as far from grey as can be
        photo = Image.open(path).convert("RGB")
        Image.blend(photo, Image.new("RGB", photo.size, (0, 0, 255)), 0.9).save(path)
    settings = runs.settings(str(folder), train__steps=4, train__keep=1)
    with pytest.raises(UserError, match=r"photographs of .* changed\. .*allow_changes"):
        assemble.assemble(settings, tmp_path / "run")
    run = runs.begin(settings, tmp_path / "run", allow_changes=True)
    train.train(run, settings, tmp_path / "run")
    scores = {r["step"]: r["eval/mse"] for r in runs.evaluations(tmp_path / "run")}
    assert scores[2] < scores[4]
    assert checkpoint.load(tmp_path / "run").step == 4
