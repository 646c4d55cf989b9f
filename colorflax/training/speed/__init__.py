"""How fast a run is, of how fast it could be, and what it spends its time on.

Downwards: tracing, work, peaks.
"""

from colorflax.training.speed.work import UNKNOWN, Work, count, measure, operations

__all__ = ["UNKNOWN", "Work", "count", "measure", "operations"]
