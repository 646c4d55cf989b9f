"""A trained network in other forms than training left it, each measured against it.

Imports go down this list:

    run          all that is asked for, written and measured, or nothing
    comparison   how far the colours of two forms lie apart on photographs
    program      the network as StableHLO
    graph        the network as ONNX; knows onnx and onnxruntime
    operators    what an operation of JAX is called in ONNX
    nodes        an ONNX graph that grows
    network      L and embedding -> ab, with the parameters inside
    soup         one network in place of several that began alike
"""

from colorflax.exported.network import DTYPES
from colorflax.exported.run import BOUNDS, FORMATS, Exported, export, size
from colorflax.exported.soup import mean

__all__ = ["BOUNDS", "DTYPES", "FORMATS", "Exported", "export", "mean", "size"]
