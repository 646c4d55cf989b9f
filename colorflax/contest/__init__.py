"""A network and its baselines judged on the same photographs.

Downwards: entrants, scoreboard, fid, match, contenders, judge.
"""

from colorflax.contest.match import BASELINES, FINISH, Result, beside, evaluate

__all__ = ["BASELINES", "FINISH", "Result", "beside", "evaluate"]
