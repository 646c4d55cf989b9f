"""A network and its baselines judged on the same photographs.

Downwards: scoreboard, match, contenders, judge.
"""

from colorflax.contest.match import BASELINES, FINISH, Result, evaluate

__all__ = ["BASELINES", "FINISH", "Result", "evaluate"]
