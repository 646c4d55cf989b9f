"""The table: means over seeds, how far they would move, and what is more than luck."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from colorflax.contest import BASELINES, Result, scoreboard
from colorflax.contest.scoreboard import LABELS, Score
from colorflax.errors import UserError
from colorflax.metrics import significance
from launch.ablation.plan import Plan, Training
from launch.ablation.scores import NUMBERS, Scores

RESAMPLES, FLIPS, SEED = 2_000, 10_000, 0


class Cell(NamedTuple):
    """A number of a member, and what it is less the reference's.

    Attributes:
        score: the mean over seeds and photographs.
        spread: standard deviation over seeds of the mean; None of one seed.
        less: the difference, None of the reference, the baselines, and where the
            reference has no such number.
        p: of that difference; p_holm: adjusted for all members of the table.
    """

    score: Score
    spread: float | None
    less: Score | None
    p: float | None
    p_holm: float | None


Table = dict[str, dict[str, Cell]]
"""By member or baseline, then by number."""


class Found(NamedTuple):
    """Scores of all runs of a plan, in its order."""

    plan: Plan
    scores: Sequence[Scores]

    @property
    def result(self) -> Result:
        """Of the first run: the photographs, and the baselines, are those of all."""
        return self.scores[0].result

    def members(self) -> dict[str, list[tuple[Training, Result, str]]]:
        """Its runs from each seed, and the version in each, by the member's name."""
        found: dict[str, list[tuple[Training, Result, str]]] = {}
        for training, scores in zip(self.plan.trainings, self.scores, strict=True):
            for version in scores.result.systems:
                if version not in BASELINES:
                    of_it = training, scores.result, version
                    found.setdefault(training.member(version), []).append(of_it)
        return found

    def reference(self, network: str) -> str:
        """The member that those of a network are compared with."""
        own = [
            member
            for member, of_it in self.members().items()
            if (of_it[0][0].network, of_it[0][0].objective)
            == (network, self.plan.reference)
        ]
        usual = self.plan.trainings[0].settings.objective.temperature
        annealed = f"{network} {self.plan.reference} T={usual:g}"
        return annealed if annealed in own else own[0]

    def mean(self, member: str) -> Mapping[str, np.ndarray]:
        """Each photograph's parts, the mean over seeds."""
        parts = [result.systems[v] for _, result, v in self.members()[member]]
        return {n: np.mean([p[n] for p in parts], axis=0) for n in parts[0]}


def build(found: Found) -> Table:
    """Every number of every member and baseline.

    Raises:
        UserError: the runs were not judged on the same photographs.
    """
    hashes = {s.result.protocol["data_sha256"] for s in found.scores}
    if len(hashes) > 1:
        raise UserError("the runs were judged on other photographs than each other")
    members = found.members()
    table: Table = {}
    for network in found.plan.networks:
        names = [m for m, of_it in members.items() if of_it[0][0].network == network]
        table |= _of_network(found, names, found.reference(network))
    # Of a run that has the most to say of them: with a classification, bits as well.
    results = [scores.result.systems for scores in found.scores]
    baselines = {
        s: max((systems[s] for systems in results), key=len)
        for s in BASELINES if s in found.result.systems
    }  # fmt: skip
    alone = scoreboard.board(_with(found.result, baselines), RESAMPLES, SEED)
    for name in baselines:
        table[LABELS.get(name, name)] = {
            n: Cell(alone[name][n], None, None, None, None) for n in alone[name]
        }
    return _adjusted(table)


def _of_network(found: Found, names: Sequence[str], reference: str) -> Table:
    means = {name: found.mean(name) for name in names}
    board = scoreboard.board(_with(found.result, means), RESAMPLES, SEED, [reference])
    rows: Table = {}
    for name in names:
        rows[name] = {}
        for number, score in board[name].items():
            of_seeds = [
                x.systems[v][number].sum(axis=0) for _, x, v in found.members()[name]
            ]
            one = [value / count for value, count in of_seeds]
            spread = float(np.std(one, ddof=1)) if len(one) > 1 else None
            less = board.get(f"{name} - {reference}", {}).get(number)
            p = None
            if less is not None:
                ours, theirs = means[name][number], means[reference][number]
                # What is divided by belongs to the photograph, not to who coloured it.
                np.testing.assert_array_equal(ours[:, 1], theirs[:, 1])
                p = significance.sign_flip(ours[:, 0] - theirs[:, 0], FLIPS, SEED)
            rows[name][number] = Cell(score, spread, less, p, None)
    return rows


def _adjusted(table: Table) -> Table:
    for number in NUMBERS:
        tested = [m for m, row in table.items()
                  if number in row and row[number].p is not None]  # fmt: skip
        ps = significance.holm(np.array([table[m][number].p for m in tested], float))
        for member, p in zip(tested, ps, strict=True):
            cell = table[member][number]
            table[member][number] = cell._replace(p_holm=float(p))
    return table


def _with(result: Result, systems: Mapping[str, Any]) -> Result:
    return Result(result.photographs, result.names, systems, result.protocol)
