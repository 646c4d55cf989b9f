"""The smallest network, and the one photograph that it is made to learn."""

import jax
import jax.numpy as jnp
import pytest

from colorflax import config
from colorflax.data import library
from colorflax.models.simple import Simple
from configs import simple

KEY = jax.random.key(0)


def test_layer_table() -> None:
    shapes = jax.eval_shape(Simple(channels=2).init, KEY, jnp.zeros((1, 16, 16, 1)))
    kernels = {name: layer["kernel"].shape for name, layer in shapes["params"].items()}
    widths = [1, 8, 8, 16, 16, 32, 32, 32, 16]
    table = {f"Conv_{i}": (3, 3, *widths[i : i + 2]) for i in range(8)}
    assert kernels == table | {"head": (3, 3, 16, 2)}


@pytest.mark.parametrize("stride", config.STRIDES["simple"])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (8, 64), (1, 5), (70, 3)])
def test_any_size(stride: int, size: tuple[int, int]) -> None:
    model = Simple(channels=3, stride=stride)
    L = jnp.zeros((2, *size, 1))
    head = jax.eval_shape(lambda: model.init_with_output(KEY, L)[0])
    assert head.shape == (2, -(-size[0] // stride), -(-size[1] // stride), 3)


def test_the_photograph_is_the_astronaut_on_both_sides() -> None:
    """The slice counts by content: another edition of scikit-image may move it."""
    settings = config.parse(simple.get_config()).data
    (trained,), (shown,) = library.find(settings)
    assert trained.read().name.endswith("astronaut.png")
    assert shown.sha256 == trained.sha256
