"""Options of the compiler: taken where they are known, done without where not."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from colorflax.machines import xla


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    xla.options.cache_clear()
    yield
    xla.options.cache_clear()


def test_a_convolution_stays_what_it_is() -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 9, 7, 5)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, 5, 6)), jnp.float32)

    def cost(kernel: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=layout
        )
        return jnp.sum(y**2)

    wanted = xla.options()
    assert wanted is not None  # by the jaxlib that the tests run with, on a CPU
    plain = jax.jit(jax.value_and_grad(cost))(kernel)
    ours = jax.jit(jax.value_and_grad(cost), compiler_options=wanted)(kernel)
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(ours), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_other_devices_get_none() -> None:
    assert xla.options("gpu") is None
    assert xla.options("tpu") is None


def test_a_compiler_without_them_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    jit = jax.jit

    def other(function: Any, compiler_options: dict[str, str]) -> Any:
        unknown = {f"xla_other_{name}": x for name, x in compiler_options.items()}
        return jit(function, compiler_options=unknown)

    monkeypatch.setattr(jax, "jit", other)
    assert xla.options() is None
