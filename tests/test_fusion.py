"""The fusion network is the paper's, computed without its widest tensor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from colorflax.models.fuse import Fuse
from colorflax.models.fusion import Fusion
from colorflax.resample import repeat

KEY = jax.random.key(0)


def _count(model: nn.Module, embedding: int | None) -> int:
    L = jnp.zeros((1, 32, 32, 1))
    e = None if embedding is None else jnp.zeros((1, embedding))
    shapes = jax.eval_shape(model.init, KEY, L, e)
    return sum(x.size for x in jax.tree.leaves(shapes))


def test_parameter_count_of_the_paper() -> None:
    assert _count(Fusion(channels=2), 1001) == 6_574_050


def test_layer_table() -> None:
    shapes = jax.eval_shape(
        Fusion(channels=2).init, KEY, jnp.zeros((1, 32, 32, 1)), jnp.zeros((1, 1001))
    )["params"]
    widths = [64, 128, 128, 256, 256, 512, 512, 256, 128, 64, 64, 32]
    before = [1, *widths[:-1]]
    for i, (c_in, c_out) in enumerate(zip(before, widths, strict=True)):
        assert shapes[f"Conv_{i}"]["kernel"].shape == (3, 3, c_in, c_out)
    assert shapes["fuse"]["kernel"].shape == (1257, 256)
    assert shapes["head"]["kernel"].shape == (3, 3, 32, 2)


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (8, 64), (1, 5), (70, 3)])
def test_any_size(stride: int, size: tuple[int, int]) -> None:
    model = Fusion(channels=3, stride=stride)
    args = jnp.zeros((2, *size, 1)), jnp.zeros((2, 7))
    out = jax.eval_shape(lambda: model.init_with_output(KEY, *args)[0])
    assert out.shape == (2, -(-size[0] // stride), -(-size[1] // stride), 3)


def test_fuse_equals_convolution_over_the_tiled_concatenation() -> None:
    x = jax.random.normal(KEY, (2, 5, 6, 16))
    e = jax.random.normal(jax.random.key(1), (2, 11))
    fuse = Fuse(8)
    params = fuse.init(KEY, x, e)["params"]
    params["bias"] = jnp.arange(8.0)
    tiled = jnp.broadcast_to(e[:, None, None], (2, 5, 6, 11))
    literal = nn.Conv(8, (1, 1)).apply(
        {"params": {"kernel": params["kernel"][None, None], "bias": params["bias"]}},
        jnp.concatenate([x, tiled], axis=-1),
    )
    ours = fuse.apply({"params": params}, x, e)
    np.testing.assert_allclose(ours, literal, atol=1e-4)


def test_embedding_matters_and_can_be_left_out() -> None:
    L = jax.random.uniform(KEY, (1, 16, 16, 1), maxval=100)
    model = Fusion(channels=2)
    e = jnp.ones((1, 9))
    init, apply = jax.jit(model.init), jax.jit(model.apply)
    variables = init(KEY, L, e)
    assert not np.allclose(apply(variables, L, e), apply(variables, L, -e))
    assert _count(model, None) == _count(model, 9) - 9 * 256


def test_repeat_is_nearest_neighbour() -> None:
    x = jnp.arange(6.0).reshape(1, 2, 3, 1)
    big = repeat(x, 2, (3, 5))
    expected = np.kron(np.arange(6.0).reshape(2, 3), np.ones((2, 2)))[:3, :5]
    np.testing.assert_array_equal(big[0, ..., 0], expected)
