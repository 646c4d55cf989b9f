"""A checkpoint as one pure function: L and embedding -> ab, parameters inside."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import export

from colorflax import checkpoint, config, features, predict
from colorflax.coloring import Coloring

Colours = Callable[..., jax.Array]
"""L (b, h, w, 1) in [0, 100] and, where there is one, the embedding (b, 1001), all
float32 -> ab (b, h, w, 2), float32."""

DTYPES = ("float32", "bfloat16")
WIDTH = features.WIDTH  # of an embedding

_LARGE = 2**13  # numbers of a kernel


def stored(variables: Any, dtype: str) -> Any:
    """`variables` with what is large, kernels, in `dtype`.

    Biases, the statistics of norms and small kernels are few, and cost little to keep
    as they are. Rounded, the depthwise kernels of a network's first layers alone cost
    more than all others together.
    """
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    return jax.tree.map(
        lambda x: x.astype(kind) if x.ndim > 1 and x.size > _LARGE else x,
        jax.device_get(variables),
    )


def grain(saved: checkpoint.Saved) -> int:
    """px; of other sides JAX cannot tell that a U-Net's halves fit together."""
    return 32 if saved.about["config"]["model"]["name"] == "lite" else 16


def task(saved: checkpoint.Saved) -> Coloring:
    """The network and objective of a checkpoint."""
    return predict.built(saved, config.parse(saved.about["config"]))


def colours(saved: checkpoint.Saved, variables: Any) -> Colours:
    """What the network of `saved` does with `variables`, in float32.

    As evaluation has it: the head decoded, and enlarged bilinearly.
    """
    built = task(saved)

    def ab(L: jax.Array, embedding: jax.Array | None = None) -> jax.Array:
        whole = jax.tree.map(lambda x: jnp.asarray(x).astype(jnp.float32), variables)
        return built.predict(whole, L, embedding)

    return ab


def arguments(saved: checkpoint.Saved) -> Sequence[jax.ShapeDtypeStruct]:
    """What the function takes: any batch, and sides that `grain` divides."""
    n = grain(saved)
    b, h, w = export.symbolic_shape(f"b, {n}*h, {n}*w")
    shapes: list[tuple[Any, ...]] = [(b, h, w, 1)]
    if saved.about["features"] is not None:
        shapes.append((b, WIDTH))
    return [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
