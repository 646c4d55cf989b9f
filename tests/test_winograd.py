"""Winograd's convolution is the convolution."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from colorflax import config, models
from colorflax.models import winograd


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("size", [(8, 12), (7, 5), (1, 1), (2, 9)])
def test_against_the_definition(dilation: int, size: tuple[int, int]) -> None:
    x = jax.random.normal(jax.random.key(0), (2, *size, 5))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 5, 4))
    expected = lax.conv_general_dilated(
        x, kernel, (1, 1), ((dilation, dilation),) * 2, rhs_dilation=(dilation,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    ours = winograd.winograd(x, winograd.transform(kernel), dilation)
    np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("beforehand", [True, False])
def test_in_the_place_of_a_layer(
    dilation: int, beforehand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "_PIXELS", 10**9 if beforehand else 0)
    x = jax.random.normal(jax.random.key(0), (1, 6, 7, 3))
    layer = nn.Conv(4, (3, 3), padding=dilation, kernel_dilation=dilation)
    quick = layer.copy(conv_general_dilated_cls=winograd.Convolve)
    variables = layer.init(jax.random.key(1), x)
    assert jax.tree.all(
        jax.tree.map(np.array_equal, quick.init(jax.random.key(1), x), variables)
    )
    expected = layer.apply(variables, x)
    if beforehand:
        variables = winograd.prepared(quick, variables, x)
        kernel = variables[winograd.COLLECTION]["Convolve_0"]["kernel"]
        assert kernel.shape == (36, 3, 4)
    ours = quick.apply(variables, x)
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    assert not np.array_equal(ours, expected)  # computed another way


@pytest.mark.parametrize("name", sorted(config.STRIDES))
def test_networks_that_have_kernels_to_transform_say_so(name: str) -> None:
    """Else they would be transformed anew for every picture, or never."""
    settings = config.Model(name=name, stride=config.STRIDES[name][0])
    model = models.build(settings, channels=313)
    L = jax.ShapeDtypeStruct((1, 32, 32, 1), np.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), L)
    apply = functools.partial(model.apply, mutable=[winograd.COLLECTION])
    _, made = jax.eval_shape(apply, variables, L)
    assert bool(made) == getattr(model, "prepares", False)
