"""Names of scenes: from folders to classes, beside the colours, never instead."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from PIL import Image

from colorflax import config
from colorflax.data import labels, library
from colorflax.errors import UserError
from colorflax.training import assemble, scenes, steps, tasks, train, validation
from configs import iizuka

pytestmark = pytest.mark.usefixtures("own_places")
COLOURS = {"forest": (40, 120, 50), "sea": (40, 60, 170), "snow": (240, 240, 255)}


class Small(nn.Module):
    """A network with batch statistics that names scenes."""

    channels: int
    scenes: int = 0

    @nn.compact
    def __call__(
        self,
        L: jax.Array,
        embedding: None = None,
        *,
        train: bool = False,
        axis: str | None = None,
    ) -> jax.Array:
        norm = nn.BatchNorm(use_running_average=not train, axis_name=axis, momentum=0.5)
        x = nn.relu(norm(nn.Conv(8, (3, 3), 2, use_bias=False)(L / 100)))
        if self.scenes:
            logits = nn.Dense(self.scenes, name="scene_2")(x.mean((1, 2)))
            self.sow("intermediates", "scene", logits)
        return nn.Conv(self.channels, (3, 3))(x)


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Six photographs in each of three folders, two in none."""
    root, rng = tmp_path / "places", np.random.default_rng(0)
    names = [f"{place}/{i % 2}/{i}.png" for place in COLOURS for i in range(6)]
    for name in [*names, "one.png", "two.png"]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = COLOURS.get(name.split("/")[0], (128, 128, 128))
        rgb = np.array(colour) + rng.integers(-15, 16, (20, 24, 3))
        Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(path)
    return root


def _settings(source: str, **changes: Any) -> config.Config:
    values = iizuka.get_config("scenes").to_dict()
    values["model"]["scene_weight"] = 0.1
    values["data"] |= {
        "source": source, "size": 16, "short_side": 16, "validation_percent": 40.0
    }  # fmt: skip
    values["train"] |= {"steps": 40, "batch_size": 8, "eval_every": 40}
    for path, value in changes.items():
        room, name = path.split("__")
        values[room][name] = value
    return config.parse(values)


def _task(classes: int = 3, weight: float = 0.1) -> tasks.Colorization:
    values = iizuka.get_config().to_dict()
    task = tasks.Colorization.build(config.parse(values), None)
    task = dataclasses.replace(
        task, model=Small(task.objective.channels), optimizer=optax.adam(1e-2)
    )
    return scenes.add(task, weight, classes, usual=1)


def _batch(n: int = 8) -> dict[str, np.ndarray]:
    """Dark and bright pictures, which are classes 0 and 1; the last has no class."""
    label = np.arange(n, dtype=np.int32) % 2
    noise = np.random.default_rng(0).integers(0, 60, (n, 16, 16, 3))
    rgb = noise + 180 * label[:, None, None, None]
    label[-1] = -1
    return {"rgb": rgb.astype(np.uint8), "label": label}


def test_folders_name_classes(places: Path) -> None:
    settings = _settings(f"folder:{places}").data
    sides = library.find(settings)
    found = labels.find(sides, settings)
    assert found is not None
    assert found.names == ("forest", "sea", "snow")
    for photos, classes in zip(sides, (found.training, found.validation), strict=True):
        assert classes.dtype == np.int32
        for photo, number in zip(photos, classes, strict=True):
            path = Path(photo.read().name).relative_to(places)
            folder = path.parts[0] if len(path.parts) > 1 else None
            assert (found.names[number] if number >= 0 else None) == folder
    both = np.concatenate([found.training, found.validation])
    assert sorted(np.unique(both, return_counts=True)[1]) == [2, 6, 6, 6]
    usual = np.bincount(found.training[found.training >= 0]).max()
    assert (found.training == found.usual).sum() == usual


def test_nothing_to_tell_apart(places: Path) -> None:
    settings = _settings(f"folder:{places / 'sea'}", data__validation_percent=0.0).data
    two = labels.find(library.find(settings), settings)  # sea/0 and sea/1
    assert two is not None
    assert two.names == ("0", "1")
    settings = dataclasses.replace(settings, source=f"folder:{places / 'sea' / '0'}")
    with pytest.raises(UserError, match="fewer than two classes among"):
        labels.find(library.find(settings), settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__source": "builtin"}, "=folders needs --config.data.source=folder:DIR"),
        ({"data__source": "records:x"}, "records:x has no such labels"),
        ({"data__labels": "label"}, "labels=label needs .*source=tfds:NAME"),
        ({"data__labels": "none"}, "scene_weight=0.1 and .*labels=none do not go"),
        ({"model__scene_weight": 0.0}, "scene_weight=0 and .*=folders do not go"),
        ({"model__scene_weight": -1.0}, "scene_weight should be at least 0, not -1"),
        ({"model__name": "fusion"}, "model.name=fusion does not name scenes"),
        ({"model__global_size": 0}, "global_size should be at least 1, not 0"),
    ],
)
def test_bad_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _settings("folder:photos", **changes)


def test_cost_of_a_name_is_that_of_a_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (5, 4)).astype(np.float32)
    label = np.array([0, 3, -1, 2, -1], np.int32)
    ours = scenes.masked_cross_entropy(jnp.asarray(logits), jnp.asarray(label))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    theirs = np.where(label < 0, 0, -np.log(p[np.arange(5), label]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def _run(parallel: str, devices: int) -> tuple[list[float], Any]:
    lane = steps.lane(_task(), parallel, 0, jax.devices()[:devices])
    rng = np.random.default_rng(1)
    state, losses = lane.init(_batch()), []
    for _ in range(4):
        # Every device has another share of examples without a class.
        batch = {
            "rgb": rng.integers(0, 256, (8, 16, 16, 3), np.uint8),
            "label": rng.integers(-1, 3, 8, np.int32),
        }
        state, scalars = lane.train_step(state, batch)
        losses.append(float(scalars["loss"]))
    return losses, jax.device_get(state)


def test_lanes_and_devices_agree() -> None:
    """With statistics of the whole batch, and labels spread unevenly."""
    losses, state = _run("jit", 1)
    ours = (state.params, state.model_state)
    for parallel, devices in (("jit", 2), ("pmap", 2)):
        their_losses, theirs = _run(parallel, devices)
        np.testing.assert_allclose(their_losses, losses, rtol=1e-5)
        for a, b in zip(
            jax.tree.leaves(ours),
            jax.tree.leaves((theirs.params, theirs.model_state)),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_names_are_learnt_and_counted_where_there_are_any() -> None:
    lane = steps.lane(_task(), "jit", 0, jax.devices()[:1])
    batch = _batch()
    state = lane.init(batch)
    for _ in range(150):
        state, _ = lane.train_step(state, batch)
    filled = batch | {"mask": np.arange(8) > 0}  # the first is a blank
    numbers, _ = validation.validate(lane, state, [filled])
    assert numbers["scene_accuracy"] == 1.0
    assert numbers["chance_accuracy"] == pytest.approx(3 / 6)  # of 1 to 6
    assert "named right: 100.0%" in validation.table(numbers, "8 photographs")
    none = filled | {"label": np.full(8, -1, np.int32)}
    numbers, _ = validation.validate(lane, state, [none])
    assert "scene_accuracy" not in numbers
    assert "named right" not in validation.table(numbers, "8 photographs")


def test_without_labels_nothing_of_the_name_is_learnt() -> None:
    lane = steps.lane(_task(), "jit", 0, jax.devices()[:1])
    batch = _batch() | {"label": np.full(8, -1, np.int32)}
    before = jax.device_get(lane.init(batch).params)
    state, _ = lane.train_step(lane.init(batch), batch)
    after = jax.device_get(state.params)
    for name, moved in (("scene_2", False), ("Conv_0", True)):
        same = np.array_equal(before[name]["kernel"], after[name]["kernel"])
        assert same != moved, name


def test_a_run_from_folders(places: Path, tmp_path: Path) -> None:
    """Labels reach the loss; a run goes on only with the classes it began with."""
    settings, workdir = _settings(f"folder:{places}"), tmp_path / "run"
    run = assemble.assemble(settings, workdir)
    batch = next(run.training_batches(0))
    assert batch["label"].shape == (8,)
    assert batch["label"].dtype == np.int32
    # A class is a colour here, so it can be read off the pictures.
    middle = batch["rgb"].reshape(8, -1, 3).mean(1)
    palette = np.array([*COLOURS.values(), (128, 128, 128)])
    nearest = np.linalg.norm(middle[:, None] - palette, axis=-1).argmin(1)
    np.testing.assert_array_equal(batch["label"], np.where(nearest == 3, -1, nearest))
    assert isinstance(run.task, scenes.NamedColorization)
    task = dataclasses.replace(run.task, model=Small(2, scenes=3))
    numbers = train.train(run._replace(task=task), settings, workdir)
    assert numbers["scene_accuracy"] > numbers["chance_accuracy"]
    assemble.assemble(settings, workdir)
    (places / "sea").rename(places / "lake")
    with pytest.raises(UserError, match="labels of folder:.* have changed since this"):
        assemble.assemble(settings, workdir)
