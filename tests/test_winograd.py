"""Winograd's convolution is the convolution, and so are its gradients."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from colorflax.machines import sharding
from colorflax.models import conv, winograd


def definition(x: jax.Array, kernel: jax.Array, dilation: int) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, (1, 1), ((dilation, dilation),) * 2, rhs_dilation=(dilation,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every convolution that can be is done Winograd's way."""
    for name in ("_PAIRS", "_PIXELS", "_PRODUCTS"):
        monkeypatch.setattr(conv, name, 0)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("size", [(8, 12), (7, 5), (1, 1), (2, 9)])
def test_against_the_definition(dilation: int, size: tuple[int, int]) -> None:
    """The result, and the gradients of both operands."""
    x = jax.random.normal(jax.random.key(0), (2, *size, 5))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 5, 4))
    g = jax.random.normal(jax.random.key(2), (2, *size, 4))

    def both(f: Any) -> tuple[jax.Array, ...]:
        y, back = jax.vjp(functools.partial(f, dilation=dilation), x, kernel)
        return y, *back(g)

    ours, expected = both(winograd.convolve), both(definition)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())
        assert not np.array_equal(a, b)  # computed another way


def test_rounding_of_a_wide_layer() -> None:
    """A hundred thousandth of the length, where the definition has a millionth."""
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = (2, 16, 16, 256), (3, 3, 256, 128), (2, 16, 16, 128)
    x, kernel, g = map(jax.random.normal, keys, shapes)
    y, back = jax.vjp(winograd.convolve, x, kernel)
    with jax.enable_x64(True):
        wide = (np.asarray(a, np.float64) for a in (x, kernel, g))
        x, kernel, g = map(jnp.asarray, wide)
        exact, exact_back = jax.vjp(lambda x, k: definition(x, k, 1), x, kernel)
        expected = [np.asarray(a) for a in (exact, *exact_back(g))]
    for ours, true in zip((y, *back(jnp.float32(g))), expected, strict=True):
        assert np.linalg.norm(ours - true) < 1e-5 * np.linalg.norm(true)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("same", [True, False])
def test_in_the_place_of_a_layer(dilation: int, same: bool) -> None:
    x = jax.random.normal(jax.random.key(0), (1, 6, 7, 3))
    padding: Any = "SAME" if same else dilation
    how = {"padding": padding, "kernel_dilation": dilation}
    layer, quick = nn.Conv(4, (3, 3), **how), conv.Conv(4, (3, 3), **how)
    variables = layer.init(jax.random.key(1), x)
    assert jax.tree.all(
        jax.tree.map(np.array_equal, quick.init(jax.random.key(1), x), variables)
    )
    expected, ours = layer.apply(variables, x), quick.apply(variables, x)
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    assert not np.array_equal(ours, expected)  # computed another way


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    "how",
    [
        {"kernel_size": (1, 1)},
        {"kernel_size": (3, 3), "strides": 2},
        {"kernel_size": (3, 3), "padding": "VALID"},
        {"kernel_size": (3, 3), "padding": 2},
        {"kernel_size": (3, 3), "padding": ((1, 1), (0, 2))},
        {"kernel_size": (3, 3), "feature_group_count": 2},
        {"kernel_size": (5, 5)},
    ],
)
def test_others_stay_what_they_are(how: dict[str, Any]) -> None:
    x = jax.random.normal(jax.random.key(0), (2, 6, 7, 4))
    layer, quick = nn.Conv(6, **how), conv.Conv(6, **how)
    variables = layer.init(jax.random.key(1), x)
    np.testing.assert_array_equal(quick.apply(variables, x), layer.apply(variables, x))


def test_few_products_stay_what_they_are() -> None:
    x = jax.random.normal(jax.random.key(0), (1, 16, 16, 8))
    layer, quick = nn.Conv(8, (3, 3)), conv.Conv(8, (3, 3))
    variables = layer.init(jax.random.key(1), x)
    np.testing.assert_array_equal(quick.apply(variables, x), layer.apply(variables, x))


def test_divided_over_devices_only_gradients_are_summed() -> None:
    mesh = sharding.mesh(None)
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = (len(jax.devices()), 7, 9, 5), (3, 3, 5, 4), (len(jax.devices()), 7, 9, 4)
    x, kernel, g = map(jax.random.normal, keys, shapes)

    def gradients(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        return jax.vjp(winograd.convolve, x, kernel)[1](g)

    split, whole = sharding.divided(mesh), sharding.replicated(mesh)
    divided = jax.jit(
        gradients, in_shardings=(split, whole, split), out_shardings=(split, whole)
    ).lower(x, kernel, g)
    program = divided.compile()
    assert "all-reduce" in program.as_text()
    for other in ("all-to-all", "all-gather", "collective-permute"):
        assert other not in program.as_text()
    placed = map(jax.device_put, (x, kernel, g), (split, whole, split))
    for ours, expected in zip(program(*placed), gradients(x, kernel, g), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())
