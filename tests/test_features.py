"""Backbones against Keras itself, and the cache of embeddings.

The network is never touched: downloads are replaced. Most tests use a classifier of
one convolution; Inception-ResNet-v2 is built once.
"""

import functools
import hashlib
import logging
import socket
import subprocess
import sys
import threading
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorflax import color, embeddings, features
from colorflax.errors import UserError

# Change it only together with features._SCHEME: cached embeddings and trained
# models were made with these weights.
GOLDEN_SEED_0 = "1021161150c639931b45896602e1cad616798ce6b0de721b11d8ec2f9003518c"


def no_network(*args, **kwargs):
    raise OSError("the network is blocked")


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(features.urllib.request, "urlopen", no_network)
    return tmp_path / "keras"


@pytest.fixture(scope="module")
def built():
    """Inception-ResNet-v2 and the Keras model inside it."""
    models = []
    with features._keras() as keras, pytest.MonkeyPatch.context() as patch:
        constructor = keras.applications.InceptionResNetV2
        patch.setattr(
            keras.applications,
            "InceptionResNetV2",
            lambda **kwargs: models.append(constructor(**kwargs)) or models[0],
        )
        return features.load(weights="random"), models[0]


@pytest.fixture(scope="module")
def inception(built):
    return functools.partial(built[0], batch=4)


@pytest.fixture(scope="module")
def photographs():
    names = ("astronaut", "coffee", "chelsea", "rocket")
    images = [Image.fromarray(getattr(data, name)()) for name in names]
    return np.stack([features.fit(image) for image in images])


@pytest.fixture
def tiny(monkeypatch):
    """A classifier of 1000 classes that builds in no time, 32 pixels wide."""
    with features._keras() as keras:

        def constructor(weights, classifier_activation):
            layers = keras.layers
            return keras.Sequential(
                [
                    layers.Input((32, 32, 3)),
                    layers.Conv2D(8, 3, strides=4, activation="relu"),
                    layers.BatchNormalization(),
                    layers.Flatten(),
                    layers.Dense(1000, activation=classifier_activation),
                ]
            )

        monkeypatch.setattr(keras.applications, "Tiny", constructor, raising=False)
    architecture = features.Architecture(
        constructor="Tiny",
        size=32,
        scale=features._to_unit,
        file="tiny/tiny.h5",
        md5="0" * 32,
        random_gain=1.0,
    )
    monkeypatch.setitem(features.BACKBONES, "tiny", architecture)
    return "tiny"


def publish(monkeypatch, keras_home, name, seed):
    """Put weights on disk, in the format Keras hosts, as the pretrained ones."""
    from keras.src.legacy.saving import legacy_h5_format

    h5py = pytest.importorskip("h5py")
    path = keras_home / "models" / "tiny.h5"
    path.parent.mkdir(parents=True)
    with features._keras() as keras:
        model = keras.applications.Tiny(weights=None, classifier_activation=None)
        shapes = [(v.name, tuple(v.shape)) for v in model.weights]
        model.set_weights(features.random_weights(shapes, seed))
        with h5py.File(path, "w") as f, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's writer, which we do not use
            legacy_h5_format.save_weights_to_hdf5_group(f, model)
    old = features.BACKBONES[name]
    fields = {k: getattr(old, k) for k in old.__dataclass_fields__}
    fields["md5"] = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(features.BACKBONES, name, features.Architecture(**fields))
    return path


# --- the picture that goes in ---


def test_importing_does_not_import_keras():
    code = "import sys, colorflax.embeddings; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_another_keras_backend_is_a_user_error(monkeypatch):
    with features._keras() as keras:
        monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(UserError, match="runs on torch"), features._keras():
        pass


@pytest.mark.parametrize("name", ["inception_resnet_v2", "inception_v3", "vgg16"])
def test_input_range_is_the_one_keras_uses(name):
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.float32)
    with features._keras() as keras:
        module = getattr(keras.applications, name)
        expected = module.preprocess_input(x.copy())
    ours = features.BACKBONES[name].scale(jnp.asarray(x))
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["inception_resnet_v2", "inception_v3", "vgg16"])
def test_weights_are_those_keras_hosts(name):
    import importlib
    import inspect

    source = inspect.getsource(
        importlib.import_module(f"keras.src.applications.{name}")
    )
    architecture = features.BACKBONES[name]
    assert architecture.md5 in source
    assert architecture.file.split("/")[1] in source.replace("\n", "")


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
    with features._keras() as keras:
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
    backbone = features.load(tiny, weights="random")
    for n in (0, 1, 3, 4, 9):
        images = np.zeros((n, 32, 32, 3), np.uint8)
        assert backbone(images, batch=4).shape == (n, 1001)
    assert backbone.apply._cache_size() == 1


def test_transfers_are_explicit(tiny):
    backbone = features.load(tiny, weights="random")
    images = np.zeros((1, 32, 32, 3), np.uint8)
    backbone(images)
    with jax.transfer_guard("disallow"):
        backbone(images)


def test_wrong_size_is_refused(tiny):
    with pytest.raises(ValueError, match="32, 32, 3"):
        features.load(tiny, weights="random")(np.zeros((1, 16, 16, 3), np.uint8))


def test_seeds_make_the_weights(tiny):
    prints = [
        features.load(tiny, weights="random", seed=s).fingerprint for s in (1, 1, 2)
    ]
    assert prints[0] == prints[1] != prints[2]


def test_random_kernels_have_he_variance():
    shapes = [("kernel", (3, 3, 64, 128)), ("kernel", (64, 500)), ("gamma", (7,))]
    first, last, gamma = features.random_weights(shapes, seed=3, gain=0.5)
    np.testing.assert_allclose(first.std(), np.sqrt(2 / (9 * 64)), rtol=0.01)
    np.testing.assert_allclose(last.std(), 0.5 * np.sqrt(2 / 64), rtol=0.02)
    assert abs(first.mean()) < 0.01 * first.std() * 2
    assert (gamma == 1).all()


# --- where weights come from ---


def test_pretrained_weights_are_loaded(tiny, keras_home, monkeypatch):
    publish(monkeypatch, keras_home, tiny, seed=7)
    backbone = features.load(tiny, on_missing="error")
    same = features.load(tiny, weights="random", seed=7)
    assert backbone.weights == "imagenet"
    assert backbone.fingerprint == same.fingerprint


def test_missing_weights_warn_and_are_recorded(tiny, caplog):
    with caplog.at_level(logging.WARNING):
        backbone = features.load(tiny, seed=5)
    assert backbone.weights == "random:5"
    assert "RANDOM WEIGHTS (seed 5)" in caplog.text
    assert "the network is blocked" in caplog.text
    assert "on_missing=error" in caplog.text


def test_missing_weights_can_be_an_error(tiny):
    with pytest.raises(UserError) as e:
        features.load(tiny, on_missing="error")
    assert "\n" not in str(e.value)
    assert "the network is blocked" in str(e.value)


def test_damaged_weights_are_never_loaded(tiny, keras_home, monkeypatch):
    path = publish(monkeypatch, keras_home, tiny, seed=7)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="cannot be had"):
        features.load(tiny, on_missing="error")


def test_a_download_goes_through_keras_with_a_time_limit(tiny, monkeypatch, keras_home):
    seen = {}

    def get_file(fname, origin, **kwargs):
        seen.update(kwargs, origin=origin, timeout=socket.getdefaulttimeout())
        raise Exception("URL fetch failure")

    monkeypatch.setattr(features, "_reach", lambda url: None)
    with features._keras() as keras:
        monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(UserError, match="URL fetch failure"):
        features.load(tiny, on_missing="error")
    assert seen["timeout"] == features._TIMEOUT
    assert socket.getdefaulttimeout() is None
    assert seen["file_hash"] == "0" * 32
    assert seen["cache_subdir"] == str(keras_home / "models")
    assert seen["origin"].endswith("/keras-applications/tiny/tiny.h5")


def test_a_silent_server_does_not_hang(tiny, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(features, "_TIMEOUT", 0.05)
    monkeypatch.setattr(
        features.urllib.request, "urlopen", lambda *a, **k: release.wait(60) and 1 / 0
    )
    try:
        with pytest.raises(UserError, match="no answer within"):
            features.load(tiny, on_missing="error")
    finally:
        release.set()


@pytest.mark.parametrize(
    "wrong",
    [{"name": "resnet"}, {"weights": "places"}, {"seed": -1}, {"on_missing": "ask"}],
)
def test_wrong_choices_are_user_errors(wrong):
    with pytest.raises(UserError, match=r"must be|choose"):
        features.load(**({"weights": "random"} | wrong))


# --- the cache ---


class Album:
    """Four small pictures that count how often they are opened."""

    def __init__(self):
        self.opened = []

    def photographs(self, n=4):
        return [
            (hashlib.sha256(bytes([i])).hexdigest(), self._open(i)) for i in range(n)
        ]

    def _open(self, i):
        def picture():
            self.opened.append(i)
            rng = np.random.default_rng(i)
            return Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8))

        return picture


@pytest.fixture
def builds(monkeypatch):
    built = []
    build = features.build
    monkeypatch.setattr(
        features, "build", lambda choice: built.append(choice) or build(choice)
    )
    return built


def random_choice(name, seed=0):
    return features.Choice(name=name, weights="random", seed=seed)


def test_each_photograph_is_embedded_once(tiny, tmp_path, builds):
    album = Album()
    choice = random_choice(tiny)
    part = embeddings.embed_photographs(
        album.photographs(2), choice, cache_dir=tmp_path
    )
    heard = []
    whole = embeddings.embed_photographs(
        album.photographs() + album.photographs(1),
        choice,
        cache_dir=tmp_path,
        batch=1,
        progress=lambda done, total: heard.append((done, total)),
    )
    again = embeddings.embed_photographs(
        album.photographs(), choice, cache_dir=tmp_path
    )
    assert sorted(album.opened) == [0, 1, 2, 3]
    assert heard == [(1, 2), (2, 2)]
    assert len(builds) == 2
    np.testing.assert_array_equal(whole.vectors[4], whole.vectors[0])
    np.testing.assert_array_equal(whole.vectors[:2], part.vectors)
    np.testing.assert_array_equal(again.vectors, whole.vectors[:4])
    assert (again.name, again.weights) == ("tiny", "random:0")
    backbone = features.load(tiny, weights="random")
    assert again.fingerprint == backbone.fingerprint
    pictures = [features.fit(o(), 32) for _, o in album.photographs()]
    np.testing.assert_allclose(again.vectors, backbone(np.stack(pictures)), atol=1e-5)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_entry_is_computed_again(tiny, tmp_path, damage):
    album = Album()
    choice = random_choice(tiny)
    first = embeddings.embed_photographs(
        album.photographs(), choice, cache_dir=tmp_path
    )
    entry = next(tmp_path.rglob(f"{album.photographs()[1][0]}.f32"))
    good = entry.read_bytes()
    flipped = good[:99] + bytes([good[99] ^ 1]) + good[100:]
    entry.write_bytes({"cut": good[:50], "flip": flipped, "empty": b""}[damage])
    album.opened.clear()
    second = embeddings.embed_photographs(
        album.photographs(), choice, cache_dir=tmp_path
    )
    assert album.opened == [1]
    np.testing.assert_allclose(second.vectors, first.vectors, atol=1e-5)
    assert entry.read_bytes()[:400] == second.vectors[1].tobytes()[:400]


def test_an_interrupted_write_leaves_nothing(tiny, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embeddings.os, "replace", full)
    with pytest.raises(UserError, match="No space left"):
        embeddings.embed_photographs(
            Album().photographs(), random_choice(tiny), cache_dir=tmp_path
        )
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_cache_that_cannot_be_made_is_a_user_error(tiny, tmp_path, builds):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be kept"):
        embeddings.embed_photographs(
            Album().photographs(), random_choice(tiny), cache_dir=tmp_path / "file"
        )
    assert builds == []


def test_random_vectors_never_pass_for_pretrained(
    tiny, tmp_path, keras_home, monkeypatch, builds
):
    album = Album()
    wanted = features.Choice(name=tiny)
    cache = tmp_path / "cache"
    fallen = embeddings.embed_photographs(album.photographs(), wanted, cache_dir=cache)
    assert fallen.weights == "random:0"
    cached = embeddings.embed_photographs(album.photographs(), wanted, cache_dir=cache)
    assert (cached.weights, cached.fingerprint) == ("random:0", fallen.fingerprint)
    assert len(builds) == 1

    path = publish(monkeypatch, keras_home, tiny, seed=7)
    wanted = features.Choice(name=tiny)
    real = embeddings.embed_photographs(album.photographs(2), wanted, cache_dir=cache)
    assert real.weights == "imagenet"
    assert real.fingerprint != fallen.fingerprint
    assert np.abs(real.vectors - fallen.vectors[:2]).max() > 0.1

    path.unlink()  # what is cached needs no weights; one more photograph does
    same = embeddings.embed_photographs(album.photographs(2), wanted, cache_dir=cache)
    assert (same.weights, same.fingerprint) == ("imagenet", real.fingerprint)
    mixed = embeddings.embed_photographs(album.photographs(3), wanted, cache_dir=cache)
    assert mixed.weights == "random:0"
    np.testing.assert_array_equal(mixed.vectors, fallen.vectors[:3])


def test_vectors_of_other_weights_under_the_same_name_are_not_mixed(tiny, tmp_path):
    album = Album()
    choice = random_choice(tiny)
    first = embeddings.embed_photographs(
        album.photographs(2), choice, cache_dir=tmp_path
    )
    folder = tmp_path / choice.key
    (folder / first.fingerprint).rename(folder / ("f" * 64))
    record = (folder / "backbone.json").read_text()
    record = record.replace(first.fingerprint, "f" * 64)
    (folder / "backbone.json").write_text(record)
    album.opened.clear()
    second = embeddings.embed_photographs(
        album.photographs(3), choice, cache_dir=tmp_path
    )
    assert sorted(album.opened) == [0, 1, 2]
    assert second.fingerprint == first.fingerprint


def test_default_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert embeddings.default_cache() == tmp_path / "colorflax" / "embeddings"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".cache" / "colorflax" / "embeddings"
    assert embeddings.default_cache() == expected
