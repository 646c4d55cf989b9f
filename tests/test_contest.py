"""A table to believe: each photograph once, baselines that are what they say."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats
from skimage import color

from colorflax import (
    bins,
    checkpoint,
    config,
    contest,
    features,
    predict,
    state,
    steps,
    validation,
)
from colorflax.contest import contenders, judge, match, scoreboard
from colorflax.data import library, pipeline, views
from colorflax.errors import UserError
from colorflax.tasks import Colorization
from configs import simple

GREY, TRUTH = contenders.Constant("grey"), contenders.Constant("truth")


def _settings(photos: str | Path, words: str = "", **data: Any) -> config.Config:
    values = simple.get_config(words).to_dict()
    values["data"].update(
        source=f"folder:{photos}", train_split="train", size=24, short_side=24,
        validation_percent=0.0, threads=1, **data,
    )  # fmt: skip
    return config.parse(values)


def _saved(settings: config.Config, folder: Path, **about: Any) -> checkpoint.Saved:
    """An untrained network that has much to say, as a checkpoint."""
    task = Colorization.build(settings, None)
    square = np.zeros((1, 24, 24, 3), np.uint8)
    shapes = jax.eval_shape(task.init, jax.random.key(0), {"rgb": square}).params
    rng = np.random.default_rng(0)

    def draw(x: jax.ShapeDtypeStruct) -> np.ndarray:
        gain = 2.0 if len(x.shape) > 1 else 0.0  # of kernels; biases are 0
        spread = np.sqrt(gain / np.prod(x.shape[:-1]))
        return rng.normal(0, spread, x.shape).astype(np.float32)

    params = jax.tree.map(draw, shapes)
    params["head"]["kernel"] *= 5
    notes = {
        "colorflax": "0", "config": settings.to_dict(), "features": None,
        "photographs": "not known here", **about,
    }  # fmt: skip
    checkpoints = checkpoint.Checkpoints(folder, notes, keep=1)
    checkpoints.save(7, state.TrainState(np.int32(7), params, {}, ()), score=None)
    checkpoints.close()
    return checkpoint.load(folder)


@pytest.fixture(autouse=True, scope="module")
def _small_tiles() -> Iterator[None]:
    """Tiles of the size of these photographs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "_TILE", 48)
        yield


@pytest.fixture(scope="module")
def regression(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return _saved(_settings(photos), tmp_path_factory.mktemp("regression"))


@pytest.fixture(scope="module")
def bins_run(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    prior = np.random.default_rng(0).dirichlet(np.ones(313))
    return _saved(
        _settings(photos, "classification"), tmp_path_factory.mktemp("bins"),
        prior=prior.tolist(),
    )  # fmt: skip


def _evaluate(
    model: contenders.Model, settings: config.Config, mode: str = "fixed", **more: Any
) -> contest.Result:
    sides = library.find(settings.data)
    how = {"batch_size": 5} | more  # the last of three has blanks
    return contest.evaluate(model, sides, settings.data, mode, **how)


@pytest.fixture(scope="module")
def result(photos: str, regression: checkpoint.Saved) -> contest.Result:
    settings = _settings(photos)
    return _evaluate(contenders.Network(regression, settings), settings)


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
    model = contenders.Network(regression, _settings(photos))
    assert len(result.photographs) == 12
    _same(result, _evaluate(model, _settings(photos), batch_size=4), rtol=1e-5)
    for i, path in enumerate(sorted(Path(photos).iterdir())):
        shutil.copy(path, tmp_path / f"{(7 * i) % 12:02}.png")
    _same(result, _evaluate(model, _settings(tmp_path)))


def test_it_is_what_training_measured(
    photos: str, regression: checkpoint.Saved, result: contest.Result
) -> None:
    settings = _settings(photos)
    task = Colorization.build(settings, None)
    lane = steps.lane(task, "jit", 0, jax.devices()[:1])
    batches = pipeline.evaluation_batches(
        library.find(settings.data).validation, None, settings.data, batch_size=5
    )
    variables = regression.variables
    of_training = state.TrainState(np.int32(7), variables["params"], {}, ())
    expected = validation.validate(lane, of_training, batches).numbers
    for name in task.scores:
        for system, prefix in (("model", ""), ("grey", "grey_")):
            mean = result.values(system, name).mean()
            assert mean == pytest.approx(expected[prefix + name], rel=1e-4)


@pytest.mark.parametrize("mode", ["fixed", "full"])
def test_grey_is_the_baseline_and_the_truth_is_exact(photos: str, mode: str) -> None:
    grey = _evaluate(GREY, _settings(photos), mode)
    for name, parts in grey.systems["grey"].items():
        np.testing.assert_array_equal(grey.systems["model"][name], parts)
    scores = scoreboard.board(grey, 100, seed=0)
    for score in scores["model - grey"].values():
        assert score == (0, 0, 0)
    truth = _evaluate(TRUTH, _settings(photos), mode)
    for name, best in (
        ("mse", 0), ("ab_rmse", 0), ("colourfulness_error", 0), ("auc", 1),
        ("auc_rebalanced", 1), ("within_5", 1), ("chroma_ratio", 1),
    ):  # fmt: skip
        np.testing.assert_array_equal(truth.values("model", name), best, name)
    np.testing.assert_allclose(truth.values("model", "ssim"), 1, atol=1e-6)
    np.testing.assert_allclose(truth.values("model", "psnr"), 58.92, atol=0.01)


def test_baselines_are_what_they_say(photos: str) -> None:
    """The mean of the photographs, and another one's colours, from scikit-image."""
    settings = _settings(photos)
    seen = library.find(settings.data).validation
    result = _evaluate(GREY, settings)
    lab = [
        color.rgb2lab(views.evaluation_view(photo.read(), settings.data))[..., 1:]
        for photo in seen
    ]
    mean = np.mean(lab, axis=(0, 1, 2))
    recorded = result.protocol["mean_colour"]
    assert recorded["of"] == "evaluated photographs"
    np.testing.assert_allclose(recorded["ab"], mean, atol=0.01)
    partner = match.partners(12, seed=0)
    for system, guesses in (
        ("mean", [mean] * 12), ("random", [lab[j] for j in partner])
    ):  # fmt: skip
        expected = [((a - b) ** 2).mean() for a, b in zip(lab, guesses, strict=True)]
        rmse = result.values(system, "ab_rmse")
        np.testing.assert_allclose(rmse, np.sqrt(expected), rtol=1e-3)


def test_mean_colour_is_learnt_from_the_training_side(photos: str) -> None:
    settings = _settings(photos)
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
    partner = match.partners(n, seed=n)
    assert sorted(partner) == list(range(n))
    assert (partner != np.arange(n)).all()
    assert match.partners(1, seed=0) is None


def test_full_mode_judges_what_colorize_writes(
    regression: checkpoint.Saved, tmp_path: Path
) -> None:
    """At its own size, larger than a tile, as `predict` colours it."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(60, 190, (5, 7, 3), np.uint8))
    coarse.resize((300, 61), Image.Resampling.BICUBIC).save(tmp_path / "wide.png")
    settings = _settings(tmp_path)
    model = contenders.Network(regression, settings)
    result = _evaluate(model, settings, "full")
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


@pytest.mark.parametrize("mode", ["fixed", "full"])
def test_colder_is_livelier(photos: str, bins_run: checkpoint.Saved, mode: str) -> None:
    """Towards the mean of the distribution colours fade."""
    settings = _settings(photos, "classification")
    temperatures = [0.05, 0.2, 0.38, 1.0, 3.0]
    model = contenders.Network(bins_run, settings, temperatures)
    result = _evaluate(model, settings, mode)
    names = [f"T={t:g}" for t in temperatures]
    lively = [result.values(name, "colourfulness").mean() for name in names]
    assert lively == sorted(lively, reverse=True)
    assert lively[0] > 1.5 * lively[-1]
    bits = [result.values(name, "bits") for name in names]
    assert all(np.array_equal(x, bits[0]) for x in bits)  # of the logits themselves
    own = _evaluate(contenders.Network(bins_run, settings), settings, mode)
    mse = own.values("model", "mse")
    np.testing.assert_allclose(mse, result.values("T=0.38", "mse"), rtol=1e-6)


def test_tau_needs_the_prior_and_moves_colours(
    photos: str, bins_run: checkpoint.Saved
) -> None:
    settings = _settings(photos, "classification")
    objective = dataclasses.replace(settings.objective, tau=1.0)
    tilted = dataclasses.replace(settings, objective=objective)
    plain = _evaluate(contenders.Network(bins_run, settings), settings)
    moved = _evaluate(contenders.Network(bins_run, tilted), tilted)
    assert (plain.values("model", "mse") != moved.values("model", "mse")).all()
    assert np.array_equal(plain.values("model", "bits"), moved.values("model", "bits"))
    both = _evaluate(contenders.Network(bins_run, settings, taus=[1.0]), settings)
    for name, alone in (("model", plain), ("tau=1", moved)):
        theirs = alone.values("model", "mse")
        np.testing.assert_allclose(both.values(name, "mse"), theirs, rtol=1e-6)
    old = {k: v for k, v in bins_run.about.items() if k != "prior"}
    with pytest.raises(UserError, match="tau=1 needs the prior"):
        contenders.Network(dataclasses.replace(bins_run, about=old), tilted)


def test_bits_of_knowing_only_how_often_each_bin_occurs(
    photos: str, bins_run: checkpoint.Saved
) -> None:
    """By hand, with one more of each bin: pixels are counted, blocks of 4 are named."""
    settings = _settings(photos, "classification")
    seen = library.find(settings.data).validation
    (batch,) = pipeline.evaluation_batches(
        seen, None, settings.data, batch_size=len(seen)
    )
    lab = color.rgb2lab(batch["rgb"])[..., 1:]
    blocks = lab.reshape(len(seen), 6, 4, 6, 4, 2).mean((2, 4))

    def nearest(ab: np.ndarray) -> np.ndarray:
        return np.linalg.norm(ab[..., None, :] - bins.CENTRES, axis=-1).argmin(-1)

    counts = 1 + np.bincount(nearest(lab).ravel(), minlength=313)
    bits = -np.log2(counts / counts.sum())[nearest(blocks)].mean((1, 2))
    result = _evaluate(contenders.Network(bins_run, settings), settings)
    np.testing.assert_allclose(result.values("mean", "bits"), bits, rtol=0.02)


def test_a_regression_has_no_temperature(
    photos: str, regression: checkpoint.Saved
) -> None:
    with pytest.raises(UserError, match="trained with regression"):
        contenders.Network(regression, _settings(photos), [1.0])


def test_embeddings_come_from_the_weights_of_training(
    photos: str, regression: checkpoint.Saved, tiny: str
) -> None:
    sides = library.find(_settings(photos).data)
    choice = features.Choice(name=tiny, weights="random", seed=3)
    made = features.build(choice)
    record = {
        "name": tiny, "weights": choice.description, "fingerprint": made.fingerprint
    }  # fmt: skip
    for fingerprint, fits in ((made.fingerprint, True), ("0" * 64, False)):
        about = regression.about | {"features": record | {"fingerprint": fingerprint}}
        saved = dataclasses.replace(regression, about=about)
        network = contenders.Network(saved, _settings(photos))
        if fits:
            vectors = network.embeddings(sides.validation)
            assert np.shape(vectors) == (12, 1001)
            picture = features.fit(sides.validation[4].open(), 32)[None]
            np.testing.assert_allclose(vectors[4], made(picture, 1)[0], atol=1e-5)
        else:
            with pytest.raises(UserError, match="not those that the checkpoint"):
                network.embeddings(sides.validation)
