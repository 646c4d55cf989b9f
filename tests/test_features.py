"""Backbones against Keras itself, and where their weights come from.

The network is never touched: downloads are replaced. Most tests use a classifier of
one convolution; Inception-ResNet-v2 is built once.
"""

import functools
import logging
import socket
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorflax import color, features
from colorflax.errors import UserError
from colorflax.features import download
from colorflax.features.runtime import keras_on_jax

# Change it only together with weights._SCHEME: cached embeddings and trained
# models were made with these weights.
GOLDEN_SEED_0 = "1021161150c639931b45896602e1cad616798ce6b0de721b11d8ec2f9003518c"


def _random(name, seed=0):
    return features.build(features.Choice(name=name, weights="random", seed=seed))


@pytest.fixture(scope="module")
def built():
    """Inception-ResNet-v2 and the Keras model inside it."""
    models = []
    with keras_on_jax() as keras, pytest.MonkeyPatch.context() as patch:
        constructor = keras.applications.InceptionResNetV2
        patch.setattr(
            keras.applications,
            "InceptionResNetV2",
            lambda **kwargs: models.append(constructor(**kwargs)) or models[0],
        )
        return _random("inception_resnet_v2"), models[0]


@pytest.fixture(scope="module")
def inception(built):
    return functools.partial(built[0], batch=4)


@pytest.fixture(scope="module")
def photographs():
    names = ("astronaut", "coffee", "chelsea", "rocket")
    images = [Image.fromarray(getattr(data, name)()) for name in names]
    return np.stack([features.fit(image) for image in images])


# --- the picture that goes in ---


def test_importing_does_not_import_keras():
    code = "import sys, colorflax.features; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_another_keras_backend_is_a_user_error(monkeypatch):
    with keras_on_jax() as keras:
        monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(UserError, match="runs on torch"), keras_on_jax():
        pass


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_fit_pads_with_white_and_keeps_the_aspect_ratio(mode):
    fitted = features.fit(Image.new(mode, (400, 200)))
    assert fitted.shape == (299, 299, 3)
    assert fitted.dtype == np.uint8
    black = (fitted == 0).all(-1)
    assert ((fitted == 255).all(-1) | black).all()
    rows, columns = np.flatnonzero(black.any(1)), np.flatnonzero(black.any(0))
    assert len(columns) == 299
    assert abs(len(rows) - 299 / 2) <= 1
    assert abs(rows[0] - (298 - rows[-1])) <= 1  # in the middle
    assert black.sum() == len(rows) * len(columns)


@pytest.mark.parametrize("size", [(3000, 1), (1, 3000), (1, 1)])
def test_fit_takes_any_shape(size):
    assert (features.fit(Image.new("L", size)) == 0).any()


def test_fit_refuses_modes_that_would_lose_data():
    with pytest.raises(ValueError, match="I;16"):
        features.fit(Image.new("I;16", (8, 8)))


# --- the vector that comes out ---


def test_logits_behind_a_zero_equal_keras(built, inception, photographs):
    ours = inception(photographs)
    assert ours.shape == (4, 1001)
    assert ours.dtype == np.float32
    L = color.rgb_to_lab(photographs)[..., :1]
    grey = color.lab_to_rgb(jnp.concatenate([L, 0 * L, 0 * L], -1)) * 255
    with keras_on_jax() as keras:
        x = keras.applications.inception_resnet_v2.preprocess_input(np.array(grey))
        theirs = np.asarray(built[1](x[:2], training=False))
    np.testing.assert_array_equal(ours[:, 0], 0)
    np.testing.assert_allclose(ours[:2, 1:], theirs, atol=1e-4)
    assert ours.min() < 0
    assert (np.abs(ours.sum(1) - 1) > 0.1).all()  # a softmax would sum to one


def test_random_embeddings_are_of_order_one_and_tell_photographs_apart(
    inception, photographs
):
    y = inception(photographs)
    assert np.isfinite(y).all()
    assert ((y.std(1) > 0.3) & (y.std(1) < 3)).all()
    assert y.std(0).mean() > 0.05


def test_colour_is_ignored(inception, photographs):
    y = inception(photographs)
    grey = np.asarray(features.grey(photographs[:2]))
    grey = np.clip(255 * grey, 0, 255).round().astype(np.uint8)
    assert np.abs(grey.astype(int) - photographs[:2]).max() > 100
    off = np.linalg.norm(inception(grey) - y[:2], axis=1)
    apart = np.linalg.norm(y[0] - y[1])
    assert (off < 0.03 * apart).all()  # what is left is the rounding to bytes


def test_neighbours_and_filling_do_not_matter(inception, photographs):
    together = inception(photographs)
    alone = inception(photographs[2:3])
    np.testing.assert_allclose(together[2:3], alone, atol=1e-5)


def test_golden_weights(built):
    message = "random weights changed: see GOLDEN_SEED_0"
    assert built[0].fingerprint == GOLDEN_SEED_0, message
    assert built[0].weights == "random:0"


def test_any_number_compiles_once(tiny):
    backbone = _random(tiny)
    for n in (0, 1, 3, 4, 9):
        images = np.zeros((n, 32, 32, 3), np.uint8)
        assert backbone(images, batch=4).shape == (n, 1001)
    assert backbone.apply._cache_size() == 1


def test_transfers_are_explicit(tiny):
    backbone = _random(tiny)
    images = np.zeros((1, 32, 32, 3), np.uint8)
    backbone(images)
    with jax.transfer_guard("disallow"):
        backbone(images)


def test_wrong_size_is_refused(tiny):
    with pytest.raises(ValueError, match="32, 32, 3"):
        _random(tiny)(np.zeros((1, 16, 16, 3), np.uint8))


def test_seeds_make_the_weights(tiny):
    prints = [_random(tiny, seed).fingerprint for seed in (1, 1, 2)]
    assert prints[0] == prints[1] != prints[2]


def test_random_kernels_have_he_variance():
    shapes = [("kernel", (3, 3, 64, 128)), ("kernel", (64, 500)), ("gamma", (7,))]
    first, last, gamma = features.random_weights(shapes, seed=3, gain=0.5)
    np.testing.assert_allclose(first.std(), np.sqrt(2 / (9 * 64)), rtol=0.01)
    np.testing.assert_allclose(last.std(), 0.5 * np.sqrt(2 / 64), rtol=0.02)
    assert abs(first.mean()) < 0.01 * first.std() * 2
    assert (gamma == 1).all()


# --- where weights come from ---


def test_pretrained_weights_are_loaded(tiny, publish):
    publish(seed=7)
    backbone = features.build(features.settle(features.Choice(name=tiny), "error"))
    assert backbone.weights == "imagenet"
    assert backbone.fingerprint == _random(tiny, seed=7).fingerprint


def test_missing_weights_warn_and_are_recorded(tiny, caplog):
    with caplog.at_level(logging.WARNING, "colorflax"):
        choice = features.settle(features.Choice(name=tiny, seed=5), "random")
    assert [r.name for r in caplog.records] == ["colorflax.features.weights"]
    assert features.build(choice).weights == "random:5"
    assert "RANDOM WEIGHTS (seed 5)" in caplog.text
    assert "the network is blocked" in caplog.text
    assert "on_missing=error" in caplog.text


def test_missing_weights_can_be_an_error(tiny):
    with pytest.raises(UserError) as e:
        features.settle(features.Choice(name=tiny), "error")
    assert "\n" not in str(e.value)
    assert "the network is blocked" in str(e.value)


def test_damaged_weights_are_never_loaded(tiny, publish):
    path = publish(seed=7)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="cannot be had"):
        features.settle(features.Choice(name=tiny), "error")


def test_a_download_goes_through_keras_with_a_time_limit(tiny, monkeypatch, keras_home):
    seen = {}

    def get_file(fname, origin, **kwargs):
        seen.update(kwargs, origin=origin, timeout=socket.getdefaulttimeout())
        raise Exception("URL fetch failure")

    monkeypatch.setattr(download, "_reach", lambda url: None)
    with keras_on_jax() as keras:
        monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(UserError, match="URL fetch failure"):
        features.settle(features.Choice(name=tiny), "error")
    assert seen["timeout"] == download._TIMEOUT
    assert socket.getdefaulttimeout() is None
    assert seen["file_hash"] == "0" * 32
    assert seen["cache_subdir"] == str(keras_home / "models")
    assert seen["origin"].endswith("/keras-applications/tiny/tiny.h5")


def test_a_silent_server_does_not_hang(tiny, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(download, "_TIMEOUT", 0.05)
    monkeypatch.setattr(
        download.urllib.request, "urlopen", lambda *a, **k: release.wait(60) and 1 / 0
    )
    try:
        with pytest.raises(UserError, match="no answer within"):
            features.settle(features.Choice(name=tiny), "error")
    finally:
        release.set()


@pytest.mark.parametrize(
    "wrong",
    [{"name": "resnet"}, {"weights": "places"}, {"on_missing": "ask"}],
)
def test_wrong_choices_are_user_errors(wrong):
    asked = {"name": "vgg16", "weights": "random", "on_missing": "random"} | wrong
    on_missing = asked.pop("on_missing")
    with pytest.raises(UserError, match=r"cannot be .*; choose "):
        features.settle(features.Choice(**asked), on_missing)
