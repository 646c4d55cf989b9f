"""Where the time of a training step goes: each of its large operations, timed alone."""

import collections
import functools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.extend.core import jaxprs_in_params

from colorflax.machines import xla
from colorflax.training.tasks import Colorization

_KINDS = ("forward", "input gradient", "kernel gradient", "matrix product")
_SHOWN = 6


class Operation(NamedTuple):
    """A convolution or product; hashable, so that equal ones are timed once."""

    kind: str
    primitive: Any
    shapes: tuple[tuple[int, ...], ...]  # of both operands and the result
    dtype: str
    params: tuple[tuple[str, Any], ...]


def print_costs(
    task: Colorization, batch: dict[str, np.ndarray], step: float, rounds: int
) -> None:
    """Print the seconds of a step by kind of operation, and the slowest ones."""
    found = collections.Counter(_operations(task, batch))
    seconds = {c: _alone(c, rounds) for c in found}
    totals = {
        k: sum(seconds[c] * n for c, n in found.items() if c.kind == k) for k in _KINDS
    }
    parts = [f"{k} {1e3 * s:.0f} ms" for k, s in totals.items()]
    rest = max(step - sum(totals.values()), 0)
    print(f"  of {1e3 * step:.0f} ms: {', '.join(parts)}, all else {1e3 * rest:.0f} ms")
    slowest = sorted(found, key=lambda c: -seconds[c] * found[c])[:_SHOWN]
    for c in slowest:
        x, y, z = ("x".join(map(str, shape)) for shape in c.shapes)
        rate = _flops(c) / seconds[c] / 1e9
        print(
            f"    {c.kind:<15} {found[c]} x {1e3 * seconds[c]:6.1f} ms"
            f" {rate:7.0f} GFLOP/s  {x} * {y} -> {z}"
        )


def _operations(
    task: Colorization, batch: dict[str, np.ndarray]
) -> Iterator[Operation]:
    key = jax.random.key(0)
    state = jax.eval_shape(task.init, key, batch)
    step = jax.make_jaxpr(lambda s, b, k: task.train_step(s, b, k, None))
    for eqn in _equations(step(state, batch, key).jaxpr):
        if eqn.primitive in (lax.conv_general_dilated_p, lax.dot_general_p):
            left, right, out = (v.aval for v in (*eqn.invars, *eqn.outvars))
            yield Operation(
                _kind(eqn),
                eqn.primitive,
                (left.shape, right.shape, out.shape),
                str(left.dtype),
                tuple(sorted(eqn.params.items())),
            )


def _kind(eqn: Any) -> str:
    if eqn.primitive is lax.dot_general_p:
        return "matrix product"
    spec = eqn.params["dimension_numbers"]
    if spec.lhs_spec[0] != 0:  # what is summed over is the batch
        return "kernel gradient"
    if spec.rhs_spec[0] < spec.rhs_spec[1]:  # channels the other way round
        return "input gradient"
    return "forward"


def _equations(jaxpr: Any) -> Iterator[Any]:
    """Those that run on this platform, at any depth."""
    for eqn in jaxpr.eqns:
        yield eqn
        inner = list(jaxprs_in_params(eqn.params))
        if choices := eqn.params.get("branches_platforms"):
            here = jax.default_backend()
            chosen = next(i for i, c in enumerate(choices) if c is None or here in c)
            inner = [eqn.params["branches"][chosen].jaxpr]
        for jaxpr in inner:
            yield from _equations(jaxpr)


def _alone(c: Operation, rounds: int) -> float:
    """Median seconds."""
    left, right = (
        _noise(jax.random.key(i), shape, c.dtype)
        for i, shape in enumerate(c.shapes[:2])
    )
    run = jax.jit(
        lambda a, b: c.primitive.bind(a, b, **dict(c.params)),
        compiler_options=xla.options(),
    )
    jax.block_until_ready(run(left, right))
    # Of many on an accelerator, for which the wait for one takes longer than itself.
    many = 1 if jax.default_backend() == "cpu" else 100
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(many):
            result = run(left, right)
        jax.block_until_ready(result)
        times.append((time.perf_counter() - start) / many)
    return float(np.median(times))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _noise(key: jax.Array, shape: tuple[int, ...], dtype: str) -> jax.Array:
    return jax.random.normal(key, shape, dtype)


def _flops(c: Operation) -> float:
    """Multiplications and additions, those with padding included."""
    spec = dict(c.params)["dimension_numbers"]
    if c.primitive is lax.dot_general_p:
        summed = [c.shapes[0][i] for i in spec[0][0]]
    else:
        summed = [c.shapes[1][i] for i in spec.rhs_spec[1:]]
    return float(2 * np.prod(c.shapes[2]) * np.prod(summed))
