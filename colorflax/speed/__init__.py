"""How fast a run is, of how fast it could be, and what it spends its time on."""

from colorflax.speed.work import Work, count, measure

__all__ = ["Work", "count", "measure"]
