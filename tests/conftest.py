"""Every test runs on eight simulated CPU devices, with shapes checked."""

import collections
import dataclasses
import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import compiling

compiling.quickly()
os.environ["XLA_FLAGS"] = compiling.devices(8)["XLA_FLAGS"]
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Nothing is read from or left in the caches of whoever runs the tests.
_CACHE = tempfile.TemporaryDirectory(prefix="colorflax-tests-")
os.environ["COLORFLAX_CACHE"] = _CACHE.name
os.environ["KERAS_HOME"] = os.path.join(_CACHE.name, "keras")
# What one test compiles the next one finds, also in another process.
if "PYTEST_XDIST_WORKER" not in os.environ:  # the workers inherit it
    os.environ["JAX_COMPILATION_CACHE_DIR"] = os.path.join(_CACHE.name, "compiled")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

import jax
import numpy as np
import pytest
from PIL import Image

jax.config.update("jax_numpy_rank_promotion", "raise")


_LONGEST = (  # more than fifteen seconds each
    "test_readme", "test_machines", "test_interruptions", "test_features",
    "test_published", "test_ablation", "test_products", "test_colorize",
    "test_augment", "test_sources", "test_predict", "test_batch", "test_steps",
    "test_bins", "test_contest", "test_prepare", "test_color", "test_gamut",
    "test_objectives", "test_judge", "test_ema", "test_chamber_coloured",
    "test_batch_stopped",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is left alone with one at the end."""
    rank = {name: i for i, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of twelve small pictures whose colour can be told from their L."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(12):
        L = rng.integers(60, 200, (6, 8)).astype(np.float32)
        L = np.asarray(Image.fromarray(L).resize((40, 30), Image.Resampling.BICUBIC))
        rgb = np.stack([L + 40, L, 1.2 * L - 60], axis=-1).clip(0, 255)
        Image.fromarray(rgb.astype(np.uint8)).save(root / f"{i}.png")
    return str(root)


@pytest.fixture
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache for one test, and an empty `tmp_path / "tfds"` for datasets."""
    monkeypatch.setenv("COLORFLAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def compiled() -> Iterator[collections.Counter[str]]:
    """How often a function of each name was compiled, or its program fetched."""
    counts: collections.Counter[str] = collections.Counter()

    def listen(event: str, seconds: float, *, fun_name: str = "", **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            counts[fun_name] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield counts
    jax.monitoring.unregister_event_duration_listener(listen)


# colorflax is imported inside the fixtures, after the shape checker is in place.


@pytest.fixture(scope="session")
def finished(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of six steps; nobody changes it."""
    import runs

    workdir = tmp_path_factory.mktemp("runs") / "straight"
    runs.finish(runs.settings(photos), workdir)
    return workdir


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """Of that folder, to go on in or to damage."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture(scope="module")
def small_tiles() -> Iterator[None]:
    """Large photographs are judged in tiles of the size of `photos`."""
    from colorflax.contest import judge

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "_TILE", 48)
        yield


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for pretrained weights, and no network to get them from."""

    def urlopen(*args: object, **kwargs: object) -> None:
        raise OSError("the network is blocked")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return tmp_path / "keras"


@pytest.fixture
def tiny(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A classifier of 1000 classes that builds in no time, 32 pixels wide."""
    from colorflax import features
    from colorflax.features.runtime import keras_on_jax

    with keras_on_jax() as keras:

        def constructor(weights: None, classifier_activation: None) -> Any:
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
        scaling="tf",
        url="https://example.org/keras-applications/tiny/tiny.h5",
        digest="0" * 32,
        random_gain=1.0,
    )
    monkeypatch.setitem(features.BACKBONES, "tiny", architecture)
    return "tiny"


@pytest.fixture
def publish(tiny: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts weights of `tiny` on disk, as Keras hosts them, as the pretrained ones."""
    from keras.src.legacy.saving import legacy_h5_format

    from colorflax import features
    from colorflax.features.runtime import keras_on_jax

    h5py = pytest.importorskip("h5py")

    def publish(seed: int) -> Path:
        path = features.BACKBONES[tiny].path
        path.parent.mkdir(parents=True)
        with keras_on_jax() as keras:
            model = keras.applications.Tiny(weights=None, classifier_activation=None)
            shapes = [(v.name, tuple(v.shape)) for v in model.weights]
            model.set_weights(features.random_weights(shapes, seed))
            with h5py.File(path, "w") as f, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras's writer, which we do not use
                legacy_h5_format.save_weights_to_hdf5_group(f, model)
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        published = dataclasses.replace(features.BACKBONES[tiny], digest=md5)
        monkeypatch.setitem(features.BACKBONES, tiny, published)
        return path

    return publish
