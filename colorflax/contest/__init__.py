"""A network and its baselines judged on the same photographs.

Downwards: entrants, scoreboard, fid, match, baselines, contenders,
judge.
"""

from colorflax.contest.baselines import BASELINES
from colorflax.contest.match import FINISH, Result, beside, evaluate

__all__ = ["BASELINES", "FINISH", "Result", "beside", "evaluate"]
