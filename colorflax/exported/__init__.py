"""A trained network in other forms than training left it, each measured against it.

Downwards: run, comparison, program, graph, operators, nodes, network, soup.
"""

from colorflax.exported.network import DTYPES
from colorflax.exported.run import BOUNDS, FORMATS, Exported, export, size
from colorflax.exported.soup import mean

__all__ = ["BOUNDS", "DTYPES", "FORMATS", "Exported", "export", "mean", "size"]
