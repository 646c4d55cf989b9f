"""The table of backbones against Keras's own knowledge of its networks.

The network is never touched, and no file of weights is: Keras is asked what it would
download, and pretrained weights are random ones in a file such as Keras hosts.
"""

import dataclasses
import hashlib
import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data

from colorflax import features
from colorflax.config import backbones
from colorflax.config.backbones import BACKBONES
from colorflax.errors import UserError
from colorflax.features.runtime import keras_on_jax
from colorflax.features.scaling import SCALINGS


@pytest.fixture(scope="module")
def keras() -> Iterator[Any]:
    with keras_on_jax() as keras:
        yield keras


def _module(keras: Any, name: str) -> Any:
    constructor = getattr(keras.applications, BACKBONES[name].constructor)
    return importlib.import_module(constructor.__module__)


class _Anything:
    """A layer, a tensor or a number: what a network is made of, at no cost."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    __getattr__ = __getitem__ = __call__
    __add__ = __mul__ = __rmul__ = __floordiv__ = __truediv__ = __call__

    def __int__(self) -> int:
        return 8

    def __gt__(self, other: Any) -> bool:
        return False


class _Asked(Exception):  # noqa: N818
    """Keras has come to the point where it would download."""


def test_the_table_has_every_classifier(keras: Any) -> None:
    theirs = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {a.constructor for a in BACKBONES.values()} == theirs
    assert len(BACKBONES) == len(theirs) == 40


@pytest.mark.parametrize("name", BACKBONES)
def test_names_are_those_of_keras_with_underscores(name: str) -> None:
    assert name.replace("_", "") == BACKBONES[name].constructor.lower()


@pytest.mark.parametrize("name", BACKBONES)
def test_input_range_is_the_one_keras_uses(keras: Any, name: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.float32)
    expected = _module(keras, name).preprocess_input(x.copy())
    ours = SCALINGS[BACKBONES[name].scaling](jnp.asarray(x))
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.input_shape. is undefined")
@pytest.mark.parametrize("name", BACKBONES)
def test_files_and_sides_are_those_keras_would_have(
    keras: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras's own code, with networks of nothing, up to where it downloads."""
    row, sides = BACKBONES[name], []
    resnet = importlib.import_module("keras.src.applications.resnet")  # and of its V2
    obtain = resnet.imagenet_utils.obtain_input_shape

    def input_shape(*args: Any, **kwargs: Any) -> Any:
        sides.append(kwargs["default_size"])
        return obtain(*args, **kwargs)

    def get_file(name: str, url: str, **kwargs: Any) -> None:
        raise _Asked(url, kwargs.get("file_hash") or "")

    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", get_file)
    monkeypatch.setattr(resnet.imagenet_utils, "obtain_input_shape", input_shape)
    monkeypatch.setattr(resnet.imagenet_utils, "correct_pad", _Anything())
    for module in {_module(keras, name), resnet}:
        for part, value in vars(module).copy().items():
            layer = isinstance(value, type) and issubclass(value, keras.layers.Layer)
            if layer or part == "layers":
                monkeypatch.setattr(module, part, _Anything())
    with pytest.raises(_Asked) as asked:
        getattr(keras.applications, row.constructor)(weights="imagenet")
    url, digest = asked.value.args
    assert row.url == url
    assert digest == ("" if name in ("mobilenet", "mobilenet_v2") else row.digest)
    # MobileNetV3 works its side out by itself.
    assert sides == ([] if name.startswith("mobilenet_v3") else [row.size])


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("name", ["efficientnet_b0"])
def test_pretrained_logits_are_those_of_the_network_keras_loads(
    keras: Any, name: str, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one scales pixels inside, and differently where weights are Keras's own."""
    h5py = pytest.importorskip("h5py")
    from keras.src.legacy.saving import legacy_h5_format

    row = BACKBONES[name]
    with monkeypatch.context() as patch:
        patch.setattr(keras.src.utils.file_utils, "get_file", lambda *a, **k: "")
        patch.setattr(keras.Model, "load_weights", lambda *a, **k: None)
        constructor = getattr(keras.applications, row.constructor)
        model = constructor(weights="imagenet", classifier_activation=None)
    shapes = [(v.name, tuple(v.shape)) for v in model.weights]
    weights = features.random_weights(shapes, 3, row.random_gain)
    for role, value in (("mean", [0.5, 0.4, 0.3]), ("variance", [0.05, 0.06, 0.07])):
        for i in (i for i, (called, _) in enumerate(shapes) if called == role):
            weights[i][:] = value
    model.set_weights(weights)
    row.path.parent.mkdir(parents=True)
    with h5py.File(row.path, "w") as f, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's writer, which we do not use
        legacy_h5_format.save_weights_to_hdf5_group(f, model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    digest = hashlib.sha256(row.path.read_bytes()).hexdigest()
    monkeypatch.setitem(BACKBONES, name, dataclasses.replace(row, digest=digest))

    backbone = features.build(features.settle(features.Choice(name=name), "error"))
    picture = data.astronaut()[:224, :224][None]
    ours = backbone(picture, batch=1)[0, 1:]
    grey = 255 * features.grey(picture)
    x = jnp.asarray(_module(keras, name).preprocess_input(np.array(grey)))
    theirs = jax.jit(lambda x: model(x, training=False))(x)[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert 0.3 < ours.std() < 10  # so that the tolerance means something


# --- files ---


def test_sha256_is_checked(tiny: str, publish: Callable[..., Path]) -> None:
    path = publish(seed=7)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    BACKBONES[tiny] = dataclasses.replace(BACKBONES[tiny], digest=digest)
    assert features.settle(features.Choice(name=tiny), "error").weights == "imagenet"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(UserError, match="cannot be had"):
        features.settle(features.Choice(name=tiny), "error")


@pytest.mark.parametrize("kept", [0.5, 0.0])
def test_half_a_file_that_nobody_can_check_is_named(
    tiny: str, publish: Callable[..., Path], kept: float
) -> None:
    path = publish(seed=7)
    BACKBONES[tiny] = dataclasses.replace(BACKBONES[tiny], digest="")
    choice = features.settle(features.Choice(name=tiny), "error")
    assert features.build(choice).weights == "imagenet"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=r"tiny\.h5 is damaged or .*; delete it") as e:
        features.build(features.settle(choice, "error"))
    assert "\n" not in str(e.value)


def test_keys_tell_files_apart() -> None:
    keys = {features.Choice(name=name).key for name in BACKBONES}
    assert len(keys) == len(BACKBONES)


# --- random weights ---


def test_depthwise_kernels_have_the_variance_of_one_channel() -> None:
    shapes = [("kernel", (3, 3, 960, 1)), ("depthwise_kernel", (5, 5, 960, 1))]
    shapes += [("pointwise_kernel", (1, 1, 960, 64)), ("kernel", (64, 10))]
    three, five, pointwise, _ = features.random_weights(shapes, seed=0)
    np.testing.assert_allclose(three.std(), np.sqrt(2 / 9), rtol=0.02)
    np.testing.assert_allclose(five.std(), np.sqrt(2 / 25), rtol=0.02)
    np.testing.assert_allclose(pointwise.std(), np.sqrt(2 / 960), rtol=0.02)


def test_weights_of_an_unknown_role_are_refused() -> None:
    with pytest.raises(ValueError, match="no rule for random weights called 'query'"):
        features.random_weights([("kernel", (2, 2)), ("query", (2, 2))], seed=0)


# --- names ---


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet_50", r"choose resnet50, .* or another of the 40 that"),
        ("EfficientNetB0", r"choose efficientnet_b0, "),
        ("clip", r"choose inception_resnet_v2 or another"),
        ("none", r"choose "),
    ],
)
def test_a_wrong_name_gets_the_nearest_ones(name: str, near: str) -> None:
    with pytest.raises(UserError, match=near) as e:
        backbones.check(name, "--features")
    assert str(e.value).startswith(f"--features cannot be {name!r}; ")
    assert len(str(e.value)) < 200
