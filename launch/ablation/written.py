"""The table in its three forms: for spreadsheets, for programs, for people."""

import csv
import io
import json

import numpy as np

from colorflax import __version__
from colorflax.contest.scoreboard import COLUMNS, Score
from colorflax.disk import files
from colorflax.metrics import significance
from colorflax.training import code
from launch.ablation import table
from launch.ablation.scores import NUMBERS
from launch.ablation.table import FLIPS, RESAMPLES, SEED
from launch.markdown import markdown

_FEW = 30  # photographs
_NAMES = {"colourfulness_error": "distance from true colourfulness"}
_SHOWN = tuple(n for n in NUMBERS if n != "true_colourfulness")


def as_csv(rows: table.Table) -> bytes:
    """A line for each number of each row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([
        "member", "number", "mean", "low", "high", "sd_over_seeds", "difference",
        "difference_low", "difference_high", "p", "p_holm",
    ])  # fmt: skip
    for member, row in rows.items():
        for number, c in row.items():
            less = c.less or (None, None, None)
            cells = [*c.score, c.spread, *less, c.p, c.p_holm]
            writer.writerow([member, number, *map(_digits, cells)])
    return text.getvalue().encode()


def as_json(rows: table.Table, found: table.Found) -> bytes:
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
            "code": code.sha256(),
        },
        "runs": {
            training.name: {
                "sha256": scores.sha256,
                "code": scores.code,
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
            for member, row in rows.items()
        },
    }  # fmt: skip
    return json.dumps(content, indent=1, allow_nan=False).encode() + b"\n"


def as_markdown(rows: table.Table, found: table.Found) -> str:
    """For people: means with intervals, then differences with their p."""
    plan, n = found.plan, len(found.result.photographs)
    numbers = [x for x in _SHOWN if any(x in row for row in rows.values())]
    head = [_NAMES.get(x, COLUMNS[x].label) for x in numbers]
    means = [["", *head]]
    less = [["", *head]]
    for member, row in rows.items():
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
    if old := _trained_by_other_code(found):
        notes.append(
            f"Trained by other code of colorflax than measures them here, and as it is "
            f"now they might have come out otherwise: {', '.join(old)}."
        )
    if n < _FEW:
        notes.append(
            f"Of {many} a bootstrap knows too little: its intervals are too narrow; "
            "trust the p-values."
        )
    return "\n".join(notes) + "\n"


def _own(found: table.Found) -> bool:
    return bool(found.result.protocol["mean_colour"]["of"] == "evaluated photographs")


def _trained_by_other_code(found: table.Found) -> list[str]:
    pairs = zip(found.plan.trainings, found.scores, strict=True)
    return [training.name for training, s in pairs if s.code != [code.sha256()]]


def _test(found: table.Found) -> str:
    exact = len(found.result.photographs) <= significance.EXACT
    ways = "all sign flips" if exact else f"{FLIPS:,} random sign flips, seed {SEED}"
    return f"two-sided paired permutation test over photographs, {ways}"


def _mean(cell: table.Cell | None, number: str) -> str:
    if cell is None or np.isnan(cell.score.value):
        return ""
    form = COLUMNS[number].form
    text = _interval(cell.score, form)
    return text if cell.spread is None else f"{text} ± {cell.spread:{form}}"


def _less(cell: table.Cell | None, number: str) -> str:
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
