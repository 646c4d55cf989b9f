"""The network as ONNX: traced by JAX, and written down operation by operation."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from colorflax import checkpoint
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.exported import network, operators
from colorflax.exported.nodes import Nodes, Value

NAME = "model.onnx"
_INPUTS = ("L", "embedding")
_OPSET, _IR = 18, 9  # of 2023, for older runtimes

_BEFOREHAND: dict[str, Callable[..., np.ndarray]] = {
    "rev": lambda how, x: np.flip(x, how["dimensions"]),
    "slice": lambda how, x: x[
        tuple(map(slice, how["start_indices"], how["limit_indices"]))
    ],
    "transpose": lambda how, x: np.transpose(x, how["permutation"]),
}
"""What is done to a kernel, which ONNX wants to have as it is used."""


def need_libraries() -> None:
    """Raise `UserError` unless all that ONNX takes is installed."""
    for library in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(library) is None:
            raise UserError(
                f"--formats=onnx needs {library}, which is not installed: "
                "pip install onnx onnxruntime"
            )


def write(saved: checkpoint.Saved, variables: Any, path: Path) -> None:
    """Write an ONNX file: any batch, and sides that `network.grain` divides.

    Raises:
        UserError: the network does something that nothing here knows how to write down.
    """
    from onnx import TensorProto, helper

    shapes, grain = network.arguments(saved), network.grain(saved)
    # Whole numbers of float32 here: `Nodes` finds out which of them are short.
    whole = jax.tree.map(lambda x: np.asarray(x, np.float32), variables)
    traced = jax.make_jaxpr(network.colours(saved, whole))(*shapes)
    names = _INPUTS[: len(shapes)]
    nodes = Nodes({"b": ("L", 0, 1), "h": ("L", 1, grain), "w": ("L", 2, grain)})
    try:
        (ab,) = _write_down(nodes, traced, names)
    except NotImplementedError as error:
        raise UserError(
            f"{files.shown(saved.path)}: this network cannot be written as ONNX "
            f"({error}); leave onnx out of --formats"
        ) from None
    # Of the input's own size: others than the traced ones fail here, and aloud.
    sides = nodes.add("Shape", "L", start=0, end=3)
    shape = nodes.add("Concat", sides, np.asarray([2], np.int64), axis=0)
    nodes.nodes.append(helper.make_node("Reshape", [nodes.name(ab), shape], ["ab"]))

    def tensor(name: str, *shape: str | int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    size = ("batch", "height", "width")
    inputs = [tensor("L", *size, 1)]
    inputs += [tensor("embedding", "batch", x.shape[1]) for x in shapes[1:]]
    model = helper.make_model(
        helper.make_graph(
            nodes.nodes, "colorflax", inputs, [tensor("ab", *size, 2)], nodes.constants
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="colorflax",
    )
    files.write(path, model.SerializeToString())


def load(path: Path) -> Callable[..., np.ndarray]:
    """The function in such a file, run by onnxruntime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda *given: session.run(None, dict(zip(_INPUTS, given, strict=False)))[0]


def _write_down(
    nodes: Nodes, traced: ClosedJaxpr, inputs: Sequence[Value]
) -> list[Value]:
    """The outputs of a traced function."""
    constants = [np.asarray(x) for x in traced.consts]
    known: dict[Any, Value] = dict(zip(traced.jaxpr.constvars, constants, strict=True))
    known |= dict(zip(traced.jaxpr.invars, inputs, strict=True))

    def value(variable: Any) -> Value:
        if isinstance(variable, Literal):
            aval: Any = variable.aval
            return np.asarray(variable.val, aval.dtype)
        return known[variable]

    for equation in traced.jaxpr.eqns:
        given = [value(x) for x in equation.invars]
        name = equation.primitive.name
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if inner is not None:
            outputs = _write_down(nodes, inner, given)
        elif name in _BEFOREHAND and not any(isinstance(x, str) for x in given):
            outputs = [_BEFOREHAND[name](equation.params, *given)]
        else:
            operator = operators.find(name)
            outputs = [operator(nodes, equation, *given)]
        known |= dict(zip(equation.outvars, outputs, strict=True))
    return [value(x) for x in traced.jaxpr.outvars]
