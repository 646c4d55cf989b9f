"""A table to believe: each photograph once, baselines that are what they say."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import entrants
import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats
from skimage import color

from colorflax import checkpoint, contest, features, predict
from colorflax.contest import baselines, contenders, scoreboard
from colorflax.data import library, pipeline, views
from colorflax.errors import UserError
from colorflax.training import state, steps, validation
from colorflax.training.tasks import Colorization

pytestmark = pytest.mark.usefixtures("small_tiles")
GREY, TRUTH = contenders.Constant("grey"), contenders.Constant("truth")


@pytest.fixture(scope="module")
def regression(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return entrants.saved(
        entrants.settings(photos), tmp_path_factory.mktemp("regression")
    )


@pytest.fixture(scope="module")
def result(photos: str, regression: checkpoint.Saved) -> contest.Result:
    settings = entrants.settings(photos)
    return entrants.evaluate(contenders.Network(regression, settings), settings)


def _same(one: contest.Result, other: contest.Result, rtol: float = 0.0) -> None:
    assert one.photographs == other.photographs
    assert one.protocol["data_sha256"] == other.protocol["data_sha256"]
    for system, parts in one.systems.items():
        for name, values in parts.items():
            theirs = other.systems[system][name]
            np.testing.assert_allclose(values, theirs, rtol, 1e-6 if rtol else 0)


def test_names_and_batches_do_not_matter(
    photos: str, regression: checkpoint.Saved, result: contest.Result, tmp_path: Path
) -> None:
    """Twelve photographs, in whole batches and with blanks at the end."""
    model = contenders.Network(regression, entrants.settings(photos))
    assert len(result.photographs) == 12
    _same(
        result,
        entrants.evaluate(model, entrants.settings(photos), batch_size=4),
        rtol=1e-5,
    )
    for i, path in enumerate(sorted(Path(photos).iterdir())):
        shutil.copy(path, tmp_path / f"{(7 * i) % 12:02}.png")
    _same(result, entrants.evaluate(model, entrants.settings(tmp_path)))


def test_it_is_what_training_measured(
    photos: str, regression: checkpoint.Saved, result: contest.Result
) -> None:
    settings = entrants.settings(photos)
    task = Colorization.build(settings, None)
    lane = steps.lane(task, "jit", 0, jax.devices()[:1])
    batches = pipeline.evaluation_batches(
        library.find(settings.data).validation, None, settings.data, batch_size=5
    )
    variables = regression.variables
    of_training = state.TrainState(np.int32(7), variables["params"], {}, ())
    expected = validation.validate(lane, of_training, batches).numbers
    for name in task.scores.keys() - {"loss"}:
        for system, prefix in (("model", ""), ("grey", "grey_")):
            mean = result.values(system, name).mean()
            assert mean == pytest.approx(expected[prefix + name], rel=1e-4)


@pytest.mark.parametrize("mode", ["fixed", "full"])
def test_grey_is_the_baseline_and_the_truth_is_exact(photos: str, mode: str) -> None:
    grey = entrants.evaluate(GREY, entrants.settings(photos), mode)
    for name, parts in grey.systems["grey"].items():
        np.testing.assert_array_equal(grey.systems["model"][name], parts)
    scores = scoreboard.board(grey, 100, seed=0)
    found = scores["model - grey"]
    for name in ("hue_green", "hue_blue"):  # the photographs are all red
        assert np.isnan(found.pop(name)).all()
    for score in found.values():
        assert score == (0, 0, 0)
    truth = entrants.evaluate(TRUTH, entrants.settings(photos), mode)
    for name, best in (
        ("mse", 0), ("ab_rmse", 0), ("colourfulness_error", 0), ("auc", 1),
        ("auc_rebalanced", 1), ("within_5", 1), ("chroma_ratio", 1), ("hue", 1),
    ):  # fmt: skip
        np.testing.assert_array_equal(truth.values("model", name), best, name)
    np.testing.assert_allclose(truth.values("model", "ssim"), 1, atol=1e-6)
    np.testing.assert_allclose(truth.values("model", "psnr"), 58.92, atol=0.01)


def test_baselines_are_what_they_say(photos: str) -> None:
    """The mean of the photographs, and another one's colours, from scikit-image."""
    settings = entrants.settings(photos)
    seen = library.find(settings.data).validation
    result = entrants.evaluate(GREY, settings)
    lab = [
        color.rgb2lab(views.evaluation_view(photo.read(), settings.data))[..., 1:]
        for photo in seen
    ]
    mean = np.mean(lab, axis=(0, 1, 2))
    recorded = result.protocol["mean_colour"]
    assert recorded["of"] == "evaluated photographs"
    np.testing.assert_allclose(recorded["ab"], mean, atol=0.01)
    partner = baselines.partners(12, seed=0)
    for system, guesses in (
        ("mean", [mean] * 12), ("random", [lab[j] for j in partner])
    ):  # fmt: skip
        expected = [((a - b) ** 2).mean() for a, b in zip(lab, guesses, strict=True)]
        rmse = result.values(system, "ab_rmse")
        np.testing.assert_allclose(rmse, np.sqrt(expected), rtol=1e-3)


def test_mean_colour_is_learnt_from_the_training_side(photos: str) -> None:
    settings = entrants.settings(photos)
    data = dataclasses.replace(settings.data, validation_percent=40.0)
    sides = library.find(data)
    result = contest.evaluate(GREY, sides, data, "fixed", batch_size=5)
    assert result.protocol["mean_colour"]["of"] == "training photographs"
    assert result.protocol["mean_colour"]["photographs"] == len(sides.training)
    swapped = library.Division(sides.training, sides.training)
    own = contest.evaluate(GREY, swapped, data, "fixed", batch_size=5)
    ab = own.protocol["mean_colour"]["ab"]
    assert result.protocol["mean_colour"]["ab"] == ab


@pytest.mark.parametrize("n", [2, 3, 10])
def test_nobody_gets_their_own_colours(n: int) -> None:
    partner = baselines.partners(n, seed=n)
    assert sorted(partner) == list(range(n))
    assert (partner != np.arange(n)).all()
    assert baselines.partners(1, seed=0) is None


def test_full_mode_judges_what_colorize_writes(
    regression: checkpoint.Saved, tmp_path: Path
) -> None:
    """At its own size, larger than a tile, as `predict` colours it."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(60, 190, (5, 7, 3), np.uint8))
    coarse.resize((300, 61), Image.Resampling.BICUBIC).save(tmp_path / "wide.png")
    settings = entrants.settings(tmp_path)
    model = contenders.Network(regression, settings)
    result = entrants.evaluate(model, settings, "full")
    assert "random" not in result.systems
    photo = Image.open(tmp_path / "wide.png")
    picture = predict.Colorizer(regression)(photo)
    difference = np.asarray(photo, float) - np.asarray(picture)
    expected = 10 * np.log10(255**2 / np.mean(difference**2))
    assert result.values("model", "psnr")[0] == pytest.approx(expected, abs=0.02)
    scores = scoreboard.board(result, 100, seed=0)
    assert np.isnan(scores["model"]["mse"].low)
    assert "no intervals" in scoreboard.text(scores, result, 100)


def test_intervals_are_of_photographs_and_paired(result: contest.Result) -> None:
    scores = scoreboard.board(result, 2000, seed=5)
    ours, grey = (result.values(system, "psnr") for system in ("model", "grey"))
    for system, values in (("model", ours), ("model - grey", ours - grey)):
        theirs = stats.bootstrap(
            (values,), np.mean, n_resamples=2000, method="percentile",
            rng=np.random.default_rng(5),
        ).confidence_interval  # fmt: skip
        assert scores[system]["psnr"].value == pytest.approx(values.mean())
        assert scores[system]["psnr"][1:] == pytest.approx(theirs, rel=1e-6)


def test_embeddings_come_from_the_weights_of_training(
    photos: str, regression: checkpoint.Saved, tiny: str
) -> None:
    sides = library.find(entrants.settings(photos).data)
    choice = features.Choice(name=tiny, weights="random", seed=3)
    made = features.build(choice)
    record = {
        "name": tiny, "weights": choice.description, "fingerprint": made.fingerprint
    }  # fmt: skip
    for fingerprint, fits in ((made.fingerprint, True), ("0" * 64, False)):
        about = regression.about | {"features": record | {"fingerprint": fingerprint}}
        saved = dataclasses.replace(regression, about=about)
        network = contenders.Network(saved, entrants.settings(photos))
        if fits:
            vectors = network.embeddings(sides.validation)
            assert np.shape(vectors) == (12, 1001)
            picture = features.fit(sides.validation[4].open(), 32)[None]
            np.testing.assert_allclose(vectors[4], made(picture, 1)[0], atol=1e-5)
        else:
            with pytest.raises(UserError, match="not those that the checkpoint"):
                network.embeddings(sides.validation)
