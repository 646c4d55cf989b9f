"""What an operation of JAX is called in ONNX: those that our networks are made of."""

from collections.abc import Callable
from typing import Any

import numpy as np

from colorflax.exported.nodes import Nodes, Value

Operator = Callable[..., Value]
"""(nodes, equation, inputs...) -> the value of its only output."""

_ELEMENTWISE = {
    "abs": "Abs", "add": "Add", "and": "And", "div": "Div", "exp": "Exp",
    "ge": "GreaterOrEqual", "gt": "Greater", "le": "LessOrEqual", "lt": "Less",
    "max": "Max", "min": "Min", "mul": "Mul", "neg": "Neg", "or": "Or",
    "stop_gradient": "Identity", "sub": "Sub", "tanh": "Tanh",
}  # fmt: skip


def find(primitive: str) -> Operator:
    """How a primitive of JAX is written down.

    Raises:
        NotImplementedError: none of our networks had it when this was written.
    """
    if primitive in _ELEMENTWISE:
        name = _ELEMENTWISE[primitive]
        return lambda nodes, equation, *inputs: nodes.add(name, *inputs)
    if primitive not in _OTHERS:
        raise NotImplementedError(f"{primitive} in ONNX")
    return _OTHERS[primitive]


def _output(equation: Any) -> Any:
    return equation.outvars[0].aval


def _convert(nodes: Nodes, equation: Any, x: Value) -> Value:
    return nodes.cast(x, _output(equation).dtype)


def _size(nodes: Nodes, equation: Any) -> Value:
    scalar = nodes.add("Squeeze", nodes.size(equation.params["dim"]))
    return nodes.cast(scalar, _output(equation).dtype)


def _ne(nodes: Nodes, equation: Any, x: Value, y: Value) -> Value:
    return nodes.add("Not", nodes.add("Equal", x, y))


def _rsqrt(nodes: Nodes, equation: Any, x: Value) -> Value:
    return nodes.add("Reciprocal", nodes.add("Sqrt", x))


def _select(nodes: Nodes, equation: Any, which: Value, no: Value, yes: Value) -> Value:
    return nodes.add("Where", which, yes, no)


def _transpose(nodes: Nodes, equation: Any, x: Value) -> Value:
    return nodes.add("Transpose", x, perm=equation.params["permutation"])


def _reshape(nodes: Nodes, equation: Any, x: Value) -> Value:
    return nodes.add("Reshape", x, nodes.shape(_output(equation).shape))


def _broadcast(nodes: Nodes, equation: Any, x: Value) -> Value:
    shape, axes = _output(equation).shape, equation.params["broadcast_dimensions"]
    thin: list[Any] = [1] * len(shape)
    for axis, size in zip(axes, equation.invars[0].aval.shape, strict=True):
        thin[axis] = size
    thin_x = nodes.add("Reshape", x, nodes.shape(thin))
    return nodes.add("Expand", thin_x, nodes.shape(shape))


def _iota(nodes: Nodes, equation: Any) -> Value:
    shape, axis = _output(equation).shape, equation.params["dimension"]
    end = nodes.add("Squeeze", nodes.size(shape[axis]))
    count = nodes.add("Range", np.asarray(0, np.int64), end, np.asarray(1, np.int64))
    line = [1] * len(shape)
    line[axis] = -1
    along = nodes.add("Reshape", nodes.cast(count, _output(equation).dtype),
                      np.asarray(line, np.int64))  # fmt: skip
    return nodes.add("Expand", along, nodes.shape(shape))


def _reduce(name: str) -> Operator:
    def reduce(nodes: Nodes, equation: Any, x: Value) -> Value:
        axes = np.asarray(equation.params["axes"], np.int64)
        return nodes.add(name, x, axes, keepdims=0)

    return reduce


def _dot(nodes: Nodes, equation: Any, x: Value, y: Value) -> Value:
    (contract_x, contract_y), (batch_x, batch_y) = equation.params["dimension_numbers"]
    names = iter("abcdefghijklmnop")
    of_x = [next(names) for _ in equation.invars[0].aval.shape]
    of_y = [next(names) for _ in equation.invars[1].aval.shape]
    pairs = zip((*contract_x, *batch_x), (*contract_y, *batch_y), strict=True)
    for i, j in pairs:
        of_y[j] = of_x[i]
    result = [of_x[i] for i in batch_x]
    for letters, bound in ((of_x, contract_x), (of_y, contract_y)):
        result += [
            n for i, n in enumerate(letters) if i not in bound and n not in result
        ]
    words = f"{''.join(of_x)},{''.join(of_y)}->{''.join(result)}"
    return nodes.add("Einsum", x, y, equation=words)


def _convolution(nodes: Nodes, equation: Any, x: Value, kernel: Value) -> Value:
    p = equation.params
    if isinstance(kernel, str) or p["batch_group_count"] != 1:
        raise NotImplementedError("such a convolution in ONNX")
    picture, order, result = p["dimension_numbers"]
    planes = nodes.add("Transpose", x, perm=picture)
    kernel = kernel.transpose(order)  # out, in, y, x
    groups = p["feature_group_count"]
    before, after = ([int(n) for n in ends] for ends in zip(*p["padding"], strict=True))
    padding = [*before, *after]
    if set(p["lhs_dilation"]) == {1}:
        y = nodes.add(
            "Conv", planes, kernel, strides=p["window_strides"], group=groups,
            dilations=p["rhs_dilation"], pads=padding,
        )  # fmt: skip
    else:
        # A convolution of a picture with zeros between its pixels is what ONNX calls
        # transposed: by the mirrored kernel, with what padding lacks of a full one.
        if {*p["window_strides"], *p["rhs_dilation"], groups} != {1}:
            raise NotImplementedError("such a transposed convolution in ONNX")
        sides = kernel.shape[2:]
        lack = [k - 1 - n for k, n in zip((*sides, *sides), padding, strict=True)]
        mirrored = kernel[:, :, ::-1, ::-1].swapaxes(0, 1)
        y = nodes.add(
            "ConvTranspose", planes, mirrored, strides=p["lhs_dilation"], pads=lack
        )
    return nodes.add("Transpose", y, perm=[int(i) for i in np.argsort(result)])


_OTHERS: dict[str, Operator] = {
    "broadcast_in_dim": _broadcast,
    "conv_general_dilated": _convolution,
    "convert_element_type": _convert,
    "dim_as_value": _size,
    "dot_general": _dot,
    "iota": _iota,
    "ne": _ne,
    "reduce_max": _reduce("ReduceMax"),
    "reduce_sum": _reduce("ReduceSum"),
    "reshape": _reshape,
    "rsqrt": _rsqrt,
    "select_n": _select,
    "squeeze": _reshape,
    "transpose": _transpose,
}
