"""FID as pytorch-fid tells it: the network, the resizing, the distance, the contest."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import entrants
import numpy as np
import pytest
from scipy import linalg, ndimage

from colorflax.contest import contenders, fid
from colorflax.data import photographs
from colorflax.features import runtime
from colorflax.metrics import frechet
from colorflax.pretrained import inception

PHOTOS = [np.asarray(photo.open()) for photo in photographs.builtin()[:2]]

# Features 0, 256, .. of the first two built-in photographs at their own size, by
# pytorch-fid 0.3.0 on PyTorch 2.13 with the weights of `tensors`.
THEIRS = (
    (0, 0.519831, 0.007668, 0, 6.125102, 2.586263, 4.143483, 0.187992),
    (0, 0.578277, 0.015949, 0, 7.446571, 3.396248, 5.256732, 0.087062),
)


def _names() -> Iterator[str]:
    """Of all layers, in the order in which Keras builds the same network."""

    def flat(layers: Any) -> Iterator[str]:
        for layer in layers:
            if isinstance(layer, tuple):
                yield from flat(layer)
            elif isinstance(layer, str):
                yield layer

    yield from flat(inception._STEM)
    for block, branches in inception.BLOCKS.items():
        yield from (f"{block}.{name}" for name in flat(branches))


@pytest.fixture(scope="module")
def keras_network() -> Any:
    with runtime.keras_on_jax() as keras:
        return keras.applications.InceptionV3(
            weights=None, include_top=False, pooling="avg", input_shape=(75, 75, 3)
        )


@pytest.fixture(scope="module")
def tensors(keras_network: Any) -> dict[str, np.ndarray]:
    """Random weights, as the file has them."""
    kernels = _layers(keras_network, "conv2d")
    rng, found = np.random.default_rng(0), {}
    for name, layer in zip(_names(), kernels, strict=True):
        y, x, i, o = layer.kernel.shape
        spread = np.sqrt(2 / (y * x * i))
        found |= {
            f"{name}.conv.weight": rng.normal(0, spread, (o, i, y, x)),
            f"{name}.bn.weight": np.ones(o),
            f"{name}.bn.bias": rng.normal(0, 0.1, o),
            f"{name}.bn.running_mean": rng.normal(0, 0.1, o),
            f"{name}.bn.running_var": rng.uniform(0.5, 1.5, o),
        }
    return {name: x.astype(np.float32) for name, x in found.items()}


def _layers(network: Any, kind: str) -> list[Any]:
    """Of a kind, in the order in which they were made: kind, kind_1, kind_2, ..."""
    found = {x.name.removeprefix(kind): x for x in network.layers if kind in x.name}
    return [found[k] for k in sorted(found, key=lambda k: int(k[1:] or 0))]


def test_features_are_those_of_keras_but_for_the_last_pooling(
    keras_network: Any,
    tensors: dict[str, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    norms = _layers(keras_network, "batch_normalization")
    for name, conv, norm in zip(
        _names(), _layers(keras_network, "conv2d"), norms, strict=True
    ):
        conv.set_weights([tensors[f"{name}.conv.weight"].transpose(2, 3, 1, 0)])
        norm.set_weights(
            [tensors[f"{name}.bn.{x}"] for x in ("bias", "running_mean", "running_var")]
        )
    pictures = np.random.default_rng(1).uniform(0, 1, (2, 75, 75, 3))
    pictures = pictures.astype(np.float32)
    monkeypatch.setitem(inception.BLOCKS, "Mixed_7c", inception.BLOCKS["Mixed_7b"])
    ours = inception.features(inception.folded(tensors), pictures)
    with runtime.keras_on_jax():
        theirs = np.asarray(keras_network(2 * pictures - 1, training=False))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.max())


def test_features_are_those_of_pytorch_fid(tensors: dict[str, np.ndarray]) -> None:
    shown = np.stack([inception.seen(photo) for photo in PHOTOS])
    found = inception.features(inception.folded(tensors), shown)
    np.testing.assert_allclose(found[:, ::256], THEIRS, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(40, 70), (299, 299), (300, 640)])
def test_pictures_are_resized_between_neighbours(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    y, x = ((np.arange(299) + 0.5) * n / 299 - 0.5 for n in size)
    places = np.meshgrid(y, x, range(3), indexing="ij")
    expected = ndimage.map_coordinates(picture / 255, places, order=1, mode="nearest")
    np.testing.assert_allclose(inception.seen(picture), expected, atol=2e-6)


@pytest.mark.parametrize(("n", "m", "d"), [(40, 50, 8), (5, 6, 20), (200, 150, 100)])
def test_the_distance_is_that_of_matrix_roots(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(d, d))
    x, y = rng.normal(size=(n, d)) @ mixed, rng.normal(0.3, 1.2, (m, d)) @ mixed
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(cx @ cy).real
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cx + cy - 2 * root)
    assert frechet.distance(x, y) == pytest.approx(expected, rel=1e-4)
    assert frechet.distance(x, x) == pytest.approx(0, abs=1e-9 * np.trace(cx))
    assert frechet.distance(x, x + 3) == pytest.approx(9 * d)
    assert np.isnan(frechet.distance(x[:1], y))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("mode", ["fixed", "full"])
def test_every_photograph_is_seen_once(
    photos: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an eye that sees the mean of red, green and blue."""
    monkeypatch.setattr(inception, "features", lambda _, x: x.mean(axis=(1, 2)))
    eye, settings = fid.Eye({}), entrants.settings(photos)
    result = entrants.evaluate(
        contenders.Constant("truth"), settings, mode, batch_size=5, watch=eye
    )
    assert {name: sum(map(len, x)) for name, x in eye._seen.items()} == dict.fromkeys(
        ("model", "grey", "mean", "random", "truth"), 12
    )
    found = eye.distances()
    assert found["model"] == pytest.approx(0, abs=1e-6)
    assert found["grey"] > 1e-3
    assert found["random"] < found["grey"]  # the photographs are all red
    grey = np.concatenate(eye._seen["grey"])
    np.testing.assert_allclose(grey, grey[:, :1].repeat(3, axis=1), atol=0.01)
    assert result.fid == {}


FAKED = """
from absl import app
from colorflax import cli, evaluate
from colorflax.pretrained import inception
inception.load = dict
inception.features = lambda _, x: x.mean(axis=(1, 2))
cli.run(evaluate.main)
"""


def test_it_is_printed_and_written_down(photos: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    done = subprocess.run(
        [sys.executable, "-c", FAKED, "--model=truth", "--fid", f"--out={out}",
         f"--config.data.source=folder:{photos}", "--config.data.size=16",
         "--config.data.short_side=16", "--resamples=200"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index(" FID\n") :]
    assert "\nmodel " in table
    assert "\ngrey " in table
    assert "larger of fewer photographs" in done.stdout
    written = json.loads(out.read_text())
    assert written["protocol"]["fid"]["sha256"] == inception.FILE.sha256
    scores = written["scores"]
    assert scores["model"]["fid"]["value"] == pytest.approx(0, abs=1e-6)
    assert scores["model"]["fid"]["low"] is None
    assert scores["grey"]["fid"]["value"] > 1e-3
    assert "fid" not in scores["model - grey"]
