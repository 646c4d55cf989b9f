"""Where the time of a training step goes: every convolution of it, timed alone."""

import collections
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax

from colorflax.tasks import Colorization

_KINDS = ("forward", "input gradient", "kernel gradient")
_SHOWN = 6


class Convolution(NamedTuple):
    """One of a step; hashable, so that equal ones are timed once."""

    kind: str
    shapes: tuple[tuple[int, ...], ...]  # of both operands and the result
    dtype: str
    params: tuple[tuple[str, Any], ...]


def print_costs(
    task: Colorization, batch: dict[str, np.ndarray], step: float, rounds: int
) -> None:
    """Print the seconds of a step by kind of convolution, and the slowest ones."""
    found = collections.Counter(_convolutions(task, batch))
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


def _convolutions(
    task: Colorization, batch: dict[str, np.ndarray]
) -> Iterator[Convolution]:
    key = jax.random.key(0)
    state = jax.eval_shape(task.init, key, batch)
    step = jax.make_jaxpr(lambda s, b, k: task.train_step(s, b, k, None))
    for eqn in _equations(step(state, batch, key).jaxpr):
        if eqn.primitive is not lax.conv_general_dilated_p:
            continue
        left, right, out = (v.aval for v in (*eqn.invars, *eqn.outvars))
        spec = eqn.params["dimension_numbers"]
        if spec.lhs_spec[0] != 0:  # what is summed over is the batch
            kind = "kernel gradient"
        elif spec.rhs_spec[0] < spec.rhs_spec[1]:  # channels the other way round
            kind = "input gradient"
        else:
            kind = "forward"
        params = tuple(sorted(eqn.params.items()))
        yield Convolution(
            kind, (left.shape, right.shape, out.shape), str(left.dtype), params
        )


def _equations(jaxpr: Any) -> Iterator[Any]:
    for eqn in jaxpr.eqns:
        yield eqn
        for inner in jax.core.jaxprs_in_params(eqn.params):
            yield from _equations(inner)


def _alone(c: Convolution, rounds: int) -> float:
    """Median seconds."""
    rng = np.random.default_rng(0)
    left, right = (
        jax.device_put(rng.standard_normal(shape).astype(c.dtype))
        for shape in c.shapes[:2]
    )
    run = jax.jit(lambda a, b: lax.conv_general_dilated_p.bind(a, b, **dict(c.params)))
    jax.block_until_ready(run(left, right))
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        jax.block_until_ready(run(left, right))
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _flops(c: Convolution) -> float:
    """Multiplications and additions, those with padding included."""
    spec = dict(c.params)["dimension_numbers"]
    taps = np.prod([c.shapes[1][i] for i in spec.rhs_spec[1:]])
    return float(2 * np.prod(c.shapes[2]) * taps)
