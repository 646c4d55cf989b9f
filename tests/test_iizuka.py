"""The network is the paper's; its global vector belongs to a picture, not a size."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import data, transform

from colorflax import config, models
from colorflax.models.iizuka import Iizuka
from configs import iizuka

KEY = jax.random.key(0)
# Table 1 of the paper: inputs and outputs of the 3x3 convolutions, by branch.
CONVOLUTIONS = {
    "low": [(1, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)],
    "global": [(512, 512), (512, 512), (512, 512), (512, 512)],
    "mid": [(512, 512), (512, 256)],
    "decode_8": [(256, 128)],
    "decode_4": [(128, 64), (64, 64)],
    "decode_2": [(64, 32)],
}
PRODUCTS = {
    "whole_1": (7 * 7 * 512, 1024),
    "whole_2": (1024, 512),
    "whole_3": (512, 256),
    "scene_1": (512, 256),
}


TINY = Iizuka(channels=2, global_size=32, width=2)
apply = jax.jit(TINY.apply)


def _random(model: Iizuka, size: int) -> Any:
    """Variables of a network as He initialises it, at the cost of no compilation."""
    L = jax.ShapeDtypeStruct((1, size, size, 1), jnp.float32)
    rng = np.random.default_rng(0)

    def leaf(path: tuple[Any, ...], x: jax.ShapeDtypeStruct) -> np.ndarray:
        name = path[-1].key
        if name != "kernel":
            return np.full(x.shape, name in ("scale", "var"), np.float32)
        deviation = np.sqrt(2 / np.prod(x.shape[:-1]))
        return rng.normal(0, deviation, x.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(leaf, jax.eval_shape(model.init, KEY, L))


@pytest.fixture(scope="module")
def variables() -> Any:
    return _random(TINY, 32)


def _noise(n: int, size: tuple[int, int] = (32, 32)) -> jax.Array:
    return jax.random.uniform(KEY, (n, *size, 1), maxval=100)


def test_layer_table() -> None:
    """Every kernel of the paper's table, and one mean and variance per feature."""
    model = Iizuka(channels=2, scenes=205)
    variables = jax.eval_shape(model.init, KEY, jnp.zeros((1, 224, 224, 1)))
    params = variables["params"]
    for name, widths in CONVOLUTIONS.items():
        for i, (c_in, c_out) in enumerate(widths):
            kernel = params[name][f"Conv_{i}"]["kernel"]
            assert kernel.shape == (3, 3, c_in, c_out), (name, i)
    for name, shape in PRODUCTS.items():
        assert params[name]["Dense_0"]["kernel"].shape == shape, name
    assert params["fuse"]["kernel"].shape == (512, 256)
    assert params["head"]["kernel"].shape == (3, 3, 32, 2)
    assert params["scene_2"]["kernel"].shape == (256, 205)
    pairs = [pair for widths in CONVOLUTIONS.values() for pair in widths]
    kernels = sum(9 * a * b for a, b in pairs)
    kernels += sum(a * b for a, b in PRODUCTS.values()) + 512 * 256
    normed = sum(b for _, b in [*pairs, *PRODUCTS.values()]) + 256
    linear = 9 * 32 * 2 + 2 + 256 * 205 + 205
    count = sum(x.size for x in jax.tree.leaves(params))
    assert count == kernels + 2 * normed + linear == 42_360_591
    kept = sum(x.size for x in jax.tree.leaves(variables["batch_stats"]))
    assert kept == 2 * normed


def test_config_builds_it() -> None:
    values = iizuka.get_config("classification").to_dict()
    values["model"]["global_size"] = 96
    model = models.build(config.parse(values).model, 313)
    assert model == Iizuka(channels=313, stride=4, global_size=96)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (8, 64), (1, 1), (70, 3)])
def test_any_size(stride: int, size: tuple[int, int]) -> None:
    model = Iizuka(channels=3, stride=stride, global_size=32, width=1)
    out, _ = jax.eval_shape(
        lambda: model.init_with_output(KEY, jnp.zeros((2, *size, 1)))
    )
    assert out.shape == (2, -(-size[0] // stride), -(-size[1] // stride), 3)


@pytest.mark.parametrize("size", [(1, 1), (45, 20)])
def test_weights_fit_pictures_of_any_size(
    variables: Any, size: tuple[int, int]
) -> None:
    assert np.isfinite(apply(variables, _noise(1, size))).all()


def test_the_vector_is_that_of_the_picture_at_any_resolution() -> None:
    """Beside what all have in common, each photograph looks like itself only."""
    model = Iizuka(channels=2, global_size=64, width=4)
    variables = _random(model, 64)
    names = ("astronaut", "chelsea", "coffee", "rocket")
    grey = [getattr(data, name)()[:300, :300].mean(-1) / 2.55 for name in names]

    @jax.jit
    def vectors(L: jax.Array) -> jax.Array:
        _, kept = model.apply(variables, L, capture_intermediates=True)
        return kept["intermediates"]["whole_3"]["__call__"][0]

    def of(*size: int) -> np.ndarray:
        small = [transform.resize(x, size, anti_aliasing=True) for x in grey]
        return np.asarray(vectors(np.stack(small)[..., None].astype(np.float32)))

    common = of(64, 64).mean(axis=0)
    for size in ((128, 128), (96, 160)):
        alike = np.corrcoef(of(64, 64) - common, of(*size) - common)[:4, 4:]
        assert alike.diagonal().min() > 0.95, alike  # of a crop in its place 0.5
        assert alike[~np.eye(4, dtype=bool)].max() < 0.8, alike


def test_the_whole_picture_reaches_every_position(variables: Any) -> None:
    """The top changes the colour of the foot, out of reach of the convolutions."""
    L = _noise(2, (192, 64))
    L = L.at[1].set(L[0]).at[1, :96].set(0)
    foot = np.asarray(apply(variables, L))[:, -1]
    assert np.abs(foot[0] - foot[1]).max() > 0.01 * np.abs(foot).max()
    cut = jax.tree.map(np.copy, variables)
    cut["params"]["fuse"]["kernel"][16:] = 0  # the rows of the vector
    foot = np.asarray(apply(cut, L))[:, -1]
    np.testing.assert_allclose(foot[0], foot[1], atol=1e-6)


def test_batch_statistics(variables: Any) -> None:
    """They move in training only; evaluation judges each example by itself."""
    train = jax.jit(lambda v, L: TINY.apply(v, L, train=True, mutable=["batch_stats"]))
    L = _noise(4)
    other = L / 2 + 30
    trained, kept = train(variables, other)
    for before, after in zip(
        jax.tree.leaves(variables["batch_stats"]),
        jax.tree.leaves(kept["batch_stats"]),
        strict=True,
    ):
        assert not np.array_equal(before, after)
    together = apply(variables, L)
    swapped = apply(variables, L.at[1:].set(other[1:]))
    np.testing.assert_allclose(together[0], swapped[0], atol=1e-6)
    again, _ = train(variables, L.at[0].set(other[0]))
    assert not np.allclose(trained[0], again[0], atol=1e-3)


def test_scenes_leave_the_colours_alone() -> None:
    """A network with the classifier colours with or without it."""
    named = TINY.clone(scenes=3)
    variables = _random(named, 32)
    assert set(variables) == {"params", "batch_stats"}
    head, kept = jax.jit(
        lambda v, L: named.apply(v, L, mutable=["intermediates", "batch_stats"])
    )(variables, _noise(4))
    assert kept["intermediates"]["scene"][0].shape == (4, 3)
    jax.tree.map(
        np.testing.assert_array_equal, kept["batch_stats"], variables["batch_stats"]
    )
    np.testing.assert_allclose(apply(variables, _noise(4)), head, rtol=1e-5)
