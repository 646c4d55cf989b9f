"""Less is kept for the way back; parameters and gradients are the same."""

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from colorflax import config, models
from colorflax.models.iizuka import Iizuka
from colorflax.models.simple import Simple

L = jax.random.uniform(jax.random.key(0), (2, 32, 32, 1), maxval=100.0)


def _cost(model: nn.Module, variables: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Of parameters; with the statistics that the batch leaves."""
    rest = {k: v for k, v in variables.items() if k != "params"}

    def cost(params: Any) -> tuple[Any, Any]:
        head, kept = model.apply(
            {"params": params, **rest}, L, train=True, mutable=list(rest)
        )
        return jnp.mean(jnp.tanh(head) ** 2), kept

    return cost


def _kept(model: nn.Module) -> int:
    """Bytes that lie between the way there and the way back, without the parameters.

    What XLA makes of it is its own affair: on a CPU it joins what is computed twice.
    """
    variables = jax.eval_shape(model.init, jax.random.key(0), L)

    def there(params: Any, rest: Any) -> Any:
        return jax.vjp(_cost(model, {"params": params, **rest}), params, has_aux=True)[
            1
        ]

    params = variables["params"]
    rest = {k: v for k, v in variables.items() if k != "params"}
    residuals = jax.tree.leaves(jax.eval_shape(there, params, rest))
    return sum(x.size * x.dtype.itemsize for x in residuals if len(x.shape) == 4)


@pytest.mark.parametrize("network", config.STRIDES)
def test_less_is_kept(network: str) -> None:
    values = importlib.import_module(f"configs.{network}").get_config()
    values.model.global_size = 32
    kept, trees = [], []
    for remat in (False, True):
        values.model.remat = remat
        model = models.build(config.parse(values).model, channels=2)
        trees.append(jax.eval_shape(model.init, jax.random.key(0), L))
        kernels = sum(
            4 * x.size for x in jax.tree.leaves(trees[-1]["params"]) if x.ndim == 4
        )
        kept.append(_kept(model) - kernels)
    assert trees[0] == trees[1]
    assert kept[1] < 0.6 * kept[0], kept


@pytest.mark.parametrize(
    ("network", "sizes"),
    [(Simple, {}), (Iizuka, {"width": 1, "stride": 4, "global_size": 32})],
)
def test_the_same_gradients(network: type[nn.Module], sizes: dict[str, int]) -> None:
    """And the same statistics of the batch, updated once."""
    results = []
    for remat in (False, True):
        model = network(channels=2, remat=remat, **sizes)
        variables = jax.jit(model.init)(jax.random.key(1), L)
        gradient = jax.jit(jax.value_and_grad(_cost(model, variables), has_aux=True))
        results.append(gradient(variables["params"]))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), *results
    )
