"""The doubling convolution is that of Flax, gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from colorflax.models.double import Double


@pytest.mark.parametrize("size", [(3, 5), (1, 1), (4, 2)])
def test_against_the_layer_of_flax(size: tuple[int, int]) -> None:
    x = jax.random.normal(jax.random.key(0), (2, *size, 5))
    weight = jax.random.normal(jax.random.key(1), (2, 2 * size[0], 2 * size[1], 4))
    theirs = nn.ConvTranspose(
        4, (4, 4), (2, 2), padding=((2, 2), (2, 2)), transpose_kernel=True
    )
    ours = Double(4)
    variables = theirs.init(jax.random.key(2), x)
    shapes = jax.tree.map(jnp.shape, variables)
    assert jax.tree.map(jnp.shape, ours.init(jax.random.key(2), x)) == shapes

    def cost(layer: nn.Module, variables: object, x: jax.Array) -> jax.Array:
        return jnp.sum(weight * layer.apply(variables, x) ** 2)

    found, expected = (
        jax.value_and_grad(lambda v, x, m=m: cost(m, v, x), argnums=(0, 1))(
            variables, x
        )
        for m in (ours, theirs)
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        found, expected,
    )  # fmt: skip
