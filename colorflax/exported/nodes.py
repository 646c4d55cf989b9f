"""An ONNX graph that grows: nodes, constants, and sizes known only when it runs."""

import ast
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from jax import export

_FEW = 4096  # numbers, too few to be worth storing in half of the space
_ARITHMETIC = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}

Value = str | np.ndarray
"""The name of a tensor of the graph, or numbers that are known now."""


class Nodes:
    """What a graph is made of.

    Args:
        dims: symbols of JAX, such as h, and the input, axis and divisor that give them.
    """

    def __init__(self, dims: dict[str, tuple[str, int, int]]):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._dims = dims
        self._known: dict[Any, str] = {}  # sizes and constants that are there already

    def add(self, operator: str, *inputs: Value | None, **attributes: Any) -> str:
        """The output of a new node; None is an optional input that is left out."""
        from onnx import helper

        names = ["" if x is None else self.name(x) for x in inputs]
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def name(self, value: Value) -> str:
        """The tensor of a value.

        Numbers of which bfloat16 has every digit are stored in it.
        """
        if isinstance(value, str):
            return value
        from onnx import numpy_helper

        array = np.ascontiguousarray(value).reshape(np.shape(value))
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._known:
            name = f"c{len(self.constants)}"
            short = _shortened(array)
            self.constants.append(numpy_helper.from_array(short, name))
            same = short.dtype == array.dtype
            self._known[key] = name if same else self.cast(name, array.dtype)
        return self._known[key]

    def cast(self, value: Value, dtype: Any) -> str:
        """To another type."""
        from onnx import helper

        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(dtype))

    def shape(self, sizes: Sequence[Any]) -> Value:
        """Sizes, symbolic ones among them, as a vector of int64."""
        if not any(map(export.is_symbolic_dim, sizes)):
            return np.asarray(sizes, np.int64)
        return self.add("Concat", *map(self.size, sizes), axis=0)

    def size(self, size: Any) -> Value:
        """One size as a vector of length 1."""
        return self._evaluate(ast.parse(str(size), mode="eval").body)

    def _evaluate(self, tree: ast.expr) -> Value:
        if isinstance(tree, ast.Constant):
            return np.asarray([tree.value], np.int64)
        key = ast.unparse(tree)
        if key not in self._known:
            self._known[key] = self._computed(tree)
        return self._known[key]

    def _computed(self, tree: ast.expr) -> str:
        if isinstance(tree, ast.Name):
            source, axis, divisor = self._dims[tree.id]
            side = self.add("Shape", source, start=axis, end=axis + 1)
            return self.add("Div", side, np.asarray([divisor], np.int64))
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return self.add("Neg", self._evaluate(tree.operand))
        if isinstance(tree, ast.BinOp) and type(tree.op) in _ARITHMETIC:
            both = self._evaluate(tree.left), self._evaluate(tree.right)
            return self.add(_ARITHMETIC[type(tree.op)], *both)
        raise NotImplementedError(f"a size of {ast.unparse(tree)} in ONNX")


def _shortened(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.float32 or array.size <= _FEW:
        return array
    half = array.astype(ml_dtypes.bfloat16)
    return half if (half == array).all() else array
