"""What people said: how often the colours of a system were taken for the true ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.metrics import bootstrap
from launch.perception.page import Study


class Rate(NamedTuple):
    """How often, and between what it would lie with other people and photographs."""

    value: float
    low: float
    high: float
    pairs: int


class Answers(NamedTuple):
    """Of one person: 1 where they were fooled, 0 where not; NaN where not asked."""

    person: str
    fooled: Float[np.ndarray, "systems photos"]


def read(paths: Sequence[Path], study: Study) -> list[Answers]:
    """The answers in files, each person's once.

    Raises:
        UserError: a file holds none, or those of another study, or not all; or two
            hold those of the same person.
    """
    found: dict[str, Path] = {}
    answers = []
    for path in paths:
        one = _one(path, study)
        if one.person in found:
            raise UserError(
                f"{path} and {found[one.person]} hold the answers of the same person; "
                "leave one out"
            )
        found[one.person] = path
        answers.append(one)
    return answers


def _one(path: Path, study: Study) -> Answers:
    try:
        values = json.loads(path.read_text())
        whose, person, sitting, said = (
            values[key] for key in ("study", "person", "sitting", "answers")
        )
        asked = [(x["photo"], x["system"], x["left"]) for x in said]
        fooled = [(x["said"] == "left") != x["left"] for x in said]
        words = {x["said"] for x in said}
        planned = [tuple(pair) for pair in study.sittings[sitting]]
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        raise UserError(f"{path} holds no answers; leave it out") from None
    if whose != study.id:
        raise UserError(f"{path} answers another study; leave it out")
    if asked != planned or not words <= {"left", "right"}:
        raise UserError(
            f"{path} has not the {len(planned)} answers that sitting {sitting} asks "
            "for; leave it out"
        )
    table = np.full((len(study.systems), len(study.photos)), np.nan)
    for (photo, system, _), wrong in zip(planned, fooled, strict=True):
        table[system, photo] = wrong
    return Answers(str(person), table)


class Verdict(NamedTuple):
    """Of one system: how often it fooled, and how much more often than the first."""

    system: str
    fooled: Rate
    more: Rate


def judge(
    systems: Sequence[str], answers: Sequence[Answers], resamples: int, seed: int
) -> list[Verdict]:
    """The verdict on each system.

    People and photographs are both drawn anew for the intervals (Owen, Annals of
    Applied Statistics 2007), for a system that fools one person with one photograph is
    not known to fool others with others. Of one person nothing is known of others.
    """
    table = np.stack([one.fooled for one in answers])
    rng = np.random.default_rng(seed)
    drawn, shown = (
        rng.multinomial(n, np.full(n, 1 / n), resamples).astype(float)
        for n in (table.shape[0], table.shape[2])
    )

    def of(values: np.ndarray) -> np.ndarray:
        """Sums over people and photographs, and of each resample."""
        weighted = np.einsum("rp,psn,rn->rs", drawn, values, shown, optimize=True)
        return np.concatenate([values.sum((0, 2))[None], weighted])

    asked = ~np.isnan(table)
    sums = np.stack([of(np.nan_to_num(table)), of(asked.astype(float))], axis=-1)
    shares = bootstrap.ratio(sums).T
    return [
        Verdict(system, _rate(x, n), _rate(x - shares[0], n))
        for system, x, n in zip(systems, shares, asked.sum((0, 2)), strict=True)
    ]


def _rate(values: np.ndarray, pairs: int) -> Rate:
    return Rate(float(values[0]), *bootstrap.interval(values[1:]), int(pairs))


def text(study: Study, verdicts: Sequence[Verdict], people: int, resamples: int) -> str:
    """The table: systems, what they differ by, and what chance would give."""
    first, *others, _ = verdicts
    rows = [(x.system, x.fooled, "") for x in verdicts]
    rows += [(f"{x.system} - {first.system}", x.more, "+") for x in others]
    pairs = sum(x.fooled.pairs for x in verdicts)
    wide = 2 + max(len(name) for name, *_ in [("taken for the true colours",), *rows])
    lines = [
        f"{people} {'people' if people > 1 else 'person'}, {pairs} pairs, "
        f"{study.seconds:g} s each",
        f"{'taken for the true colours':<{wide + 8}}{'95% interval':>20}{'pairs':>8}",
    ]
    for name, rate, sign in rows:
        between = f"[{rate.low:{sign}.1%}, {rate.high:{sign}.1%}]"
        value = f"{rate.value:{sign}.1%}"
        lines.append(f"{name:<{wide}}{value:>8}{between:>20}{rate.pairs:>8}")
    lines.append(f"{'where nobody can tell':<{wide}}{0.5:>8.1%}")
    over = "people and photographs" if people > 1 else "photographs; of one person only"
    lines.append(f"Intervals: bootstrap over {over}, {resamples} resamples")
    return "\n".join(lines)


def record(
    study: Study, verdicts: Sequence[Verdict], answers: Sequence[Answers]
) -> dict[str, Any]:
    """The same for other programs, and how often each photograph fooled somebody."""
    table = np.stack([one.fooled for one in answers])
    asked, fooled = (~np.isnan(table)).sum(0), np.nansum(table, 0)
    return {
        "study": study.id,
        "about": dict(study.about),
        "people": len(answers),
        "systems": {
            x.system: {
                "fooled": x.fooled._asdict(),
                "more_than_the_first": x.more._asdict(),
                "photographs": [
                    {
                        "name": shown.name,
                        "sha256": shown.sha256,
                        "asked": int(asked[s, n]),
                        "fooled": int(fooled[s, n]),
                    }
                    for n, shown in enumerate(study.photos)
                ],
            }
            for s, x in enumerate(verdicts)
        },
    }


def files_of(names: Sequence[str]) -> list[Path]:
    """Files of answers, and those in folders.

    Raises:
        UserError: there is none.
    """
    found = []
    for name in names:
        path = files.local(name)
        found += sorted(path.glob("answers-*.json")) if path.is_dir() else [path]
    if not found:
        raise UserError(f"no answers in {', '.join(names)}")
    return found
