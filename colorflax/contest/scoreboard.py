"""What a contest came to: means with their intervals, as a table and as JSON."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from colorflax import metrics
from colorflax.contest.baselines import BASELINES
from colorflax.contest.match import FINISH, Result
from colorflax.metrics import bootstrap, calibration, hue

_PER_IMAGE = "photographs"


class Score(NamedTuple):
    """A number, and the ends of its interval; NaN where there is none."""

    value: float
    low: float
    high: float


Board = dict[str, dict[str, Score]]
"""By system, then by number; `A - grey` are the paired differences of A and grey."""


class Column(NamedTuple):
    """A number as the table shows it."""

    number: str
    label: str
    form: str


_BLOCKS = (
    (
        Column("mse", "MSE, (ab/127)^2", ".5f"),
        Column("ab_rmse", "RMSE of ab", ".2f"),
        Column("psnr", "PSNR of RGB, dB", ".2f"),
        Column("ssim", "SSIM of RGB", ".4f"),
    ),
    (
        Column("auc", "AuC", ".2%"),
        Column("auc_rebalanced", "AuC rebalanced", ".2%"),
        Column("within_5", "within 5 of ab", ".1%"),
        Column("within_10", "within 10 of ab", ".1%"),
    ),
    (
        Column("colourfulness", "colourfulness", ".2f"),
        Column("true_colourfulness", "that of the truth", ".2f"),
        Column("colourfulness_error", "their distance", ".2f"),
        Column("chroma_ratio", "chroma/truth", ".2f"),
    ),
    (
        Column("hue", "right hue", ".1%"),
        Column("hue_warm", "of red to yellow", ".1%"),
        Column("hue_green", "of greens", ".1%"),
        Column("hue_blue", "of blues", ".1%"),
    ),
    (
        Column("bits", "bits per pixel", ".3f"),
        Column("calibration_error", "calibration error", ".2%"),
    ),
    (Column("fid", "FID", ".2f"),),
)
COLUMNS = {column.number: column for block in _BLOCKS for column in block}
LABELS = {"mean": "mean colour", "random": "random photo"}
_WIDTH = 19


def board(
    result: Result, resamples: int, seed: int, against: Sequence[str] = ("grey",)
) -> Board:
    """Every number of every system, and of each but the baselines less another's.

    All share the same resamples of photographs.

    Args:
        result: of a contest.
        resamples: how many.
        seed: of them.
        against: whose numbers are subtracted.
    """
    places = [(s, n) for s, parts in result.systems.items() for n in parts]
    parts = [result.systems[s][n] for s, n in places]
    stops = list(itertools.accumulate((p.shape[1] for p in parts), initial=0))
    table = np.concatenate(parts, axis=1)
    totals = table.sum(axis=0, keepdims=True)
    draws = bootstrap.resample(table, resamples, seed)
    found: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for (system, number), (start, stop) in zip(
        places, itertools.pairwise(stops), strict=True
    ):
        finish = FINISH.get(number, bootstrap.ratio)
        one, many = finish(totals[:, start:stop]), finish(draws[:, start:stop])
        found[system, number] = one, many
    for other, (system, number) in itertools.product(against, places):
        compared = (other, number) in found and not number.startswith("true_")
        if system not in (*BASELINES, other) and compared:
            pair = zip(found[system, number], found[other, number], strict=True)
            one, many = (ours - theirs for ours, theirs in pair)
            found[f"{system} - {other}", number] = one, many
    scores: Board = {}
    for (system, number), (one, many) in found.items():
        ends = bootstrap.interval(many) if len(table) > 1 else (np.nan, np.nan)
        scores.setdefault(system, {})[number] = Score(float(one[0]), *ends)
    for system in result.systems.keys() & result.fid.keys():
        scores[system]["fid"] = Score(result.fid[system], np.nan, np.nan)
    return scores


def text(scores: Board, result: Result, resamples: int) -> str:
    """A block of lines for each few numbers, and what they mean."""
    lines = []
    names = max(14, *(len(LABELS.get(system, system)) + 2 for system in scores))
    for block in _BLOCKS:
        if not any(c.number in numbers for numbers in scores.values() for c in block):
            continue
        lines.append(" " * names + "".join(f"{c.label:>{_WIDTH}}" for c in block))
        for system, numbers in scores.items():
            if block[0].number in numbers:
                sign = "" if system in result.systems else "+"
                cells = [_cells(numbers.get(c.number), sign + c.form) for c in block]
                label = LABELS.get(system, system)
                for name, row in zip(
                    (label, ""), zip(*cells, strict=True), strict=True
                ):
                    if "".join(row).strip():
                        lines.append(f"{name:{names}}" + "".join(row))
        lines.append("")
    return "\n".join([*lines, *_notes(scores, result, resamples)])


def record(scores: Board, result: Result) -> dict[str, Any]:
    """For JSON: `scores`, and every photograph's own numbers by its SHA-256."""
    rows: dict[str, Any] = {
        sha256: {"name": name}
        for sha256, name in zip(result.photographs, result.names, strict=True)
    }
    for system, parts in result.systems.items():
        for number in parts:
            if number in FINISH:
                continue  # says nothing of one photograph
            for sha256, value in zip(
                result.photographs, result.values(system, number), strict=True
            ):
                rows[sha256].setdefault(system, {})[number] = _plain(value)
    for sha256, weight in zip(
        result.photographs, result.systems["grey"]["auc_rebalanced"][:, 1], strict=True
    ):
        rows[sha256]["auc_rebalanced_weight"] = float(weight)
    return {
        "scores": {
            system: {
                name: {end: _plain(x) for end, x in score._asdict().items()}
                for name, score in numbers.items()
            }
            for system, numbers in scores.items()
        },
        _PER_IMAGE: rows,
    }


def _plain(x: float) -> float | None:
    return None if np.isnan(x) else float(x)


def _cells(score: Score | None, form: str) -> tuple[str, str]:
    if score is None or np.isnan(score.value):
        return f"{'-':>{_WIDTH}}", " " * _WIDTH
    value = f"{score.value:{form}}"
    if np.isnan(score.low):
        return f"{value:>{_WIDTH}}", " " * _WIDTH
    ends = f"[{score.low:{form}}, {score.high:{form}}]".replace("%,", ",")
    return f"{value:>{_WIDTH}}", f"{ends:>{_WIDTH}}"


def _notes(scores: Mapping[str, Any], result: Result, resamples: int) -> list[str]:
    n, mean = len(result.photographs), result.protocol["mean_colour"]
    a, b = mean["ab"]
    notes = [
        f"[ ]: 95% of {resamples} resamples of the {n} photographs (percentiles); "
        "differences are paired"
        if n > 1
        else "One photograph: no intervals, and no other one's colours",
        f"mean colour: a {a:.1f}, b {b:.1f}, of {mean['photographs']} {mean['of']}",
        "Each number is a mean over photographs, but AuC rebalanced: over all pixels, "
        "weighted by how rare the true colour is among them; and right hue: of all "
        f"pixels whose true chroma is at least {hue.LEAST:g}, the share within "
        f"{hue.NEAR:g} degrees of its hue (by chance {hue.NEAR / 180:.1%})",
        "ab is measured before, RGB after fitting into sRGB; an exact copy scores "
        "58.92 dB, which stands for infinity",
    ]
    ratios = result.systems["grey"]["chroma_ratio"][:, 1]
    if not ratios.all():
        notes.append(
            f"chroma/truth: of the {int(ratios.sum())} photographs whose mean chroma "
            f"is at least {metrics.LEAST_CHROMA:g}"
        )
    if any("bits" in numbers for numbers in scores.values()):
        notes.append(
            f"bits to name the nearest of 313 bins (knowing nothing: "
            f"{np.log2(313):.2f}; mean colour: knowing how often each occurs); "
            f"calibration of the likeliest one in "
            f"{calibration.BINS} equal steps; both at T=1 and tau=0"
        )
    if result.fid:
        notes.append(
            "FID: from the same photographs, by the Inception-v3 of pytorch-fid; a "
            "number of the whole set, which is larger of fewer photographs"
        )
    return notes
