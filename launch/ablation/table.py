"""The table: means over seeds, how far they would move, and what is more than luck."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from colorflax import __version__, files
from colorflax.contest import BASELINES, Result, scoreboard
from colorflax.contest.scoreboard import COLUMNS, LABELS, Score
from colorflax.errors import UserError
from colorflax.metrics import significance
from launch.ablation.plan import Plan, Training
from launch.ablation.scores import NUMBERS, Scores
from launch.networks import markdown

RESAMPLES, FLIPS, SEED = 2_000, 10_000, 0

_FEW = 30  # photographs
_NAMES = {"colourfulness_error": "distance from true colourfulness"}

_SHOWN = tuple(n for n in NUMBERS if n != "true_colourfulness")


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
    board = scoreboard.board(_with(found.result, means), RESAMPLES, SEED, reference)
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
                p, _ = significance.sign_flip(ours[:, 0] - theirs[:, 0], FLIPS, SEED)
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


def as_csv(table: Table) -> bytes:
    """A line for each number of each row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([
        "member", "number", "mean", "low", "high", "sd_over_seeds", "difference",
        "difference_low", "difference_high", "p", "p_holm",
    ])  # fmt: skip
    for member, row in table.items():
        for number, c in row.items():
            less = c.less or (None, None, None)
            cells = [*c.score, c.spread, *less, c.p, c.p_holm]
            writer.writerow([member, number, *map(_digits, cells)])
    return text.getvalue().encode()


def as_json(table: Table, found: Found) -> bytes:
    """The table, and all that it depends on."""
    plan = found.plan
    content = {
        "protocol": {
            **found.result.protocol,
            "reference": [found.reference(network) for network in plan.networks],
            "trained_on_them": _own(found),
            "intervals": f"95%, percentile bootstrap over photographs, {RESAMPLES} "
            f"resamples, seed {SEED}",
            "p": _test(found),
            "p_holm": "Holm over all members of the table, for each number by itself",
            "numbers": {n: COLUMNS[n].label for n in NUMBERS},
            "colorflax": __version__,
        },
        "runs": {
            training.name: {
                "sha256": scores.sha256,
                "settings": training.settings.to_dict(),
            }
            for training, scores in zip(plan.trainings, found.scores, strict=True)
        },
        "table": {
            member: {
                number: {
                    "mean": _ends(c.score), "sd_over_seeds": c.spread,
                    "difference": None if c.less is None else _ends(c.less),
                    "p": c.p, "p_holm": c.p_holm,
                }
                for number, c in row.items()
            }
            for member, row in table.items()
        },
    }  # fmt: skip
    return json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"


def as_markdown(table: Table, found: Found) -> str:
    """For people: means with intervals, then differences with their p."""
    plan, n = found.plan, len(found.result.photographs)
    numbers = [x for x in _SHOWN if any(x in row for row in table.values())]
    head = [_NAMES.get(x, COLUMNS[x].label) for x in numbers]
    means = [["", *head]]
    less = [["", *head]]
    for member, row in table.items():
        means.append([member, *(_mean(row.get(x), x) for x in numbers)])
        if any(c.less for c in row.values()):
            less.append([member, *(_less(row.get(x), x) for x in numbers)])
    seeds = sorted({t.settings.seed for t in plan.trainings})
    c = plan.trainings[0].settings
    many = f"{n} photograph{'s' if n > 1 else ''}"
    own = "that the runs were trained on" if _own(found) else "that no run has seen"
    truth = found.result.systems["grey"]["true_colourfulness"]
    lively = truth[:, 0].sum() / truth[:, 1].sum()
    references = " and ".join(found.reference(network) for network in plan.networks)
    notes = [
        f"{many} of {files.shown(c.data.source)} {own}, "
        f"{found.result.protocol['view']}; {c.train.steps:,} steps of "
        f"{c.train.batch_size}, the checkpoint after the last one; seeds "
        f"{', '.join(map(str, seeds))}. The true colourfulness is {lively:.2f}.",
        "",
        f"Mean over seeds and photographs [95% interval of {RESAMPLES:,} bootstrap "
        "resamples of the photographs] ± standard deviation over seeds:",
        "",
        markdown(means, right=set()),
        "",
    ]
    if len(less) > 1:
        notes += [
            f"Less {references}, on the same photographs [95% interval], p:",
            "",
            markdown(less, right=set()),
            "",
            f"p: {_test(found)}; adjusted by Holm's method for the {len(less) - 1} "
            "rows, for each number by itself. The intervals are not adjusted. "
            "Both are about other photographs, not other seeds, which are averaged "
            "first.",
            "",
        ]
    notes += [
        "T is the temperature of the annealed mean, tau tilts a classification without "
        f"rebalancing at T={c.objective.temperature:g}. All are shown; the best of "
        "them, chosen by these numbers, would have to be tried on other photographs.",
        "bits: to name the nearest of 313 bins, at T=1 and tau=0; of the mean colour, "
        "when told how often each bin occurs.",
    ]
    if n < _FEW:
        notes.append(
            f"Of {many} a bootstrap knows too little: its intervals are too narrow; "
            "trust the p-values."
        )
    return "\n".join(notes) + "\n"


def _own(found: Found) -> bool:
    return bool(found.result.protocol["mean_colour"]["of"] == "evaluated photographs")


def _test(found: Found) -> str:
    _, exact = significance.sign_flip(np.zeros(len(found.result.photographs)), 1, SEED)
    ways = "all sign flips" if exact else f"{FLIPS:,} random sign flips, seed {SEED}"
    return f"two-sided paired permutation test over photographs, {ways}"


def _mean(cell: Cell | None, number: str) -> str:
    if cell is None or np.isnan(cell.score.value):
        return ""
    form = COLUMNS[number].form
    text = _interval(cell.score, form)
    return text if cell.spread is None else f"{text} ± {cell.spread:{form}}"


def _less(cell: Cell | None, number: str) -> str:
    if cell is None or cell.less is None or cell.p_holm is None:
        return ""
    return f"{_interval(cell.less, '+' + COLUMNS[number].form)} p {cell.p_holm:.2g}"


def _interval(score: Score, form: str) -> str:
    if np.isnan(score.low):
        return f"{score.value:{form}}"
    return f"{score.value:{form}} [{score.low:{form}}, {score.high:{form}}]"


def _ends(score: Score) -> dict[str, float | None]:
    return {
        name: None if np.isnan(x) else float(x) for name, x in score._asdict().items()
    }


def _digits(x: float | None) -> str:
    return "" if x is None or np.isnan(x) else repr(float(x))
