"""Zhang's network is the published one: layers, padding, decoding, weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zhang_oracle as oracle

from colorflax import config, models
from colorflax.models.zhang import Zhang
from configs import zhang

KEY = jax.random.key(0)


def test_parameter_count() -> None:
    """PyTorch counts 32,235,385 in eccv16.py without its fixed last layer."""
    shapes = jax.eval_shape(Zhang(channels=313).init, KEY, jnp.zeros((1, 8, 8, 1)))
    assert sum(x.size for x in jax.tree.leaves(shapes["params"])) == 32_235_385
    statistics = sum(x.size for x in jax.tree.leaves(shapes["batch_stats"]))
    assert statistics == 2 * (64 + 128 + 256 + 4 * 512)
    trained = {
        name: x for name, x in oracle.random_weights(0).items()
        if not name.endswith(("running_mean", "running_var", "tracked"))
    }  # fmt: skip
    del trained["model_out.weight"]
    assert sum(x.size for x in trained.values()) == 32_235_385


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (8, 64), (1, 1), (5, 3)])
def test_any_size(size: tuple[int, int]) -> None:
    model = models.build(config.parse(zhang.get_config()).model, channels=3)
    L = jnp.zeros((2, *size, 1))
    out = jax.eval_shape(lambda: model.init_with_output(KEY, L)[0])
    assert out.shape == (2, -(-size[0] // 4), -(-size[1] // 4), 3)


def test_an_embedding_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no embedding"):
        jax.eval_shape(
            Zhang(channels=2).init, KEY, jnp.zeros((1, 8, 8, 1)), jnp.zeros((1, 5))
        )


def test_statistics_of_the_whole_batch_over_all_devices() -> None:
    """Two devices with half a batch each normalise as one with all of it."""
    model = Zhang(channels=2)
    L = jax.random.uniform(KEY, (4, 8, 8, 1), maxval=100)
    # Not the full initialiser: 32 million random numbers, where any will do.
    shapes = jax.eval_shape(model.init, KEY, L)
    variables = jax.tree.map(
        lambda x: 0.05 * jnp.cos(jnp.arange(x.size, dtype=x.dtype)).reshape(x.shape),
        shapes,
    )

    @jax.jit
    def together(L: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        out, kept = model.apply(variables, L, train=True, mutable=["batch_stats"])
        return out, kept["batch_stats"]

    @jax.jit
    def apart(L: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        def share(L: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
            out, kept = model.apply(
                variables, L, train=True, axis="d", mutable=["batch_stats"]
            )
            return out, kept["batch_stats"]

        return jax.vmap(share, axis_name="d")(L.reshape(2, 2, 8, 8, 1))

    out, statistics = together(L)
    halves, theirs = apart(L)
    np.testing.assert_allclose(
        halves.reshape(out.shape), out, rtol=1e-3, atol=1e-4 * np.abs(out).max()
    )
    for ours, both in zip(
        jax.tree.leaves(statistics), jax.tree.leaves(theirs), strict=True
    ):
        np.testing.assert_array_equal(both[0], both[1])
        np.testing.assert_allclose(both[0], ours, rtol=1e-3, atol=1e-5)
    mean = statistics["norm1"]["mean"]
    assert not np.allclose(mean, variables["batch_stats"]["norm1"]["mean"], atol=1e-3)


@pytest.mark.parametrize("words", ["", "imagenet", "regression,imagenet"])
def test_configs_are_valid(words: str) -> None:
    config.parse(zhang.get_config(words))


def test_unknown_word_is_named() -> None:
    with pytest.raises(ValueError, match=r"'imagnet'.*imagenet, regression"):
        zhang.get_config("imagnet")
