"""The table of an ablation says what NumPy and SciPy say of the same numbers."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from colorflax.contest import Result
from colorflax.data import library, photographs
from colorflax.errors import UserError
from colorflax.training import code
from configs import ablation
from launch.ablation import plan, scores, sheet, table, written

N = 9


def _found() -> table.Found:
    """Two objectives from two seeds, with numbers drawn at random."""
    values = ablation.get_config("small")
    values.seeds = (0, 1)
    values.temperatures = (0.38, 1.0)
    made = plan.parse(values)
    rng = np.random.default_rng(0)
    weights = rng.gamma(2, 1, N)
    everybody = []
    for training in made.trainings:
        names = ["model"]
        if training.temperatures:
            names = [f"T={t:g}" for t in training.temperatures]
        systems = {}
        for i, name in enumerate([*names, "grey"]):
            value = rng.gamma(2, 1, N) + (0.5 * i if name != "grey" else 3)
            number = np.stack([value, np.ones(N)], axis=1)
            weighted = np.stack([rng.random(N) * weights, weights], axis=1)
            systems[name] = {
                "mse": number, "auc_rebalanced": weighted, "true_colourfulness": number
            }  # fmt: skip
        result = Result(
            tuple(f"{k:064x}" for k in range(N)), tuple("abcdefghi"), systems,
            {"data_sha256": "1", "view": "v", "mean_colour": {"of": "training"}},
        )  # fmt: skip
        everybody.append(scores.Scores(result, {}, "0", [None]))
    return table.Found(made, everybody)


def test_numbers_are_numpys() -> None:
    """Means, spread, difference, p and its adjustment, from the parts themselves."""
    found = _found()
    built = table.build(found)
    systems = [scored.result.systems for scored in found.scores]
    reference = np.stack([systems[k]["model"]["mse"][:, 0] for k in (0, 1)])
    ps = []
    for version in ("T=0.38", "T=1"):
        values = np.stack([systems[k][version]["mse"][:, 0] for k in (2, 3)])
        cell = built[f"fusion rebalanced {version}"]["mse"]
        assert cell.score.value == pytest.approx(values.mean())
        assert cell.spread == pytest.approx(values.mean(axis=1).std(ddof=1))
        ours, theirs = values.mean(axis=0), reference.mean(axis=0)
        assert cell.less is not None
        assert cell.less.value == pytest.approx((ours - theirs).mean())
        interval = stats.bootstrap(
            (ours - theirs,), np.mean, n_resamples=table.RESAMPLES,
            method="percentile", rng=np.random.default_rng(table.SEED),
        ).confidence_interval  # fmt: skip
        assert cell.less[1:] == pytest.approx(tuple(interval))
        exact = stats.permutation_test(
            (ours, theirs), lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples", n_resamples=np.inf, vectorized=True,
        ).pvalue  # fmt: skip
        assert cell.p == pytest.approx(exact)
        ps.append(exact)
    low, high = sorted(ps)
    expected = {low: min(1, 2 * low), high: max(min(1, 2 * low), high)}
    for version, p in zip(("T=0.38", "T=1"), ps, strict=True):
        adjusted = built[f"fusion rebalanced {version}"]["mse"].p_holm
        assert adjusted == pytest.approx(expected[p])
    assert built["grey"]["mse"].less is None
    weighted = [systems[k]["T=1"]["auc_rebalanced"] for k in (2, 3)]
    mean = np.mean([x[:, 0].sum() / x[:, 1].sum() for x in weighted])
    cell = built["fusion rebalanced T=1"]["auc_rebalanced"]
    assert cell.score.value == pytest.approx(mean)


def test_what_other_code_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained by it: below the table. Measured by it: measured again."""
    found = _found()
    first, *others = found.plan.trainings
    now = code.sha256()
    found.scores[0] = dataclasses.replace(found.scores[0], code=[now])
    found.scores[1] = dataclasses.replace(found.scores[1], code=["older", now])
    said = written.as_markdown(table.build(found), found)
    names = ", ".join(training.name for training in others)
    assert f"as it is now they might have come out otherwise: {names}." in said
    everybody = [dataclasses.replace(s, code=[now]) for s in found.scores]
    found = table.Found(found.plan, everybody)
    assert "other code" not in written.as_markdown(table.build(found), found)
    sides = library.find(first.settings.data)
    key = scores._key(first, "0", sides)
    assert scores._key(first, "0", sides) == key
    monkeypatch.setattr(code, "sha256", lambda folder=None: "another")
    assert scores._key(first, "0", sides) != key


def test_photographs_of_the_sheet_are_not_picked_by_hand() -> None:
    found = _found()
    kinds = sheet.chosen(found)
    assert list(kinds) == ["first by hash", "at random", "worst of mse"]
    first, drawn, worst = kinds.values()
    assert list(first) == [0, 1, 2, 3]
    everyone = [*first, *drawn, *worst]
    assert sorted(everyone) == list(range(N))
    assert list(sheet.chosen(found)["at random"]) == list(drawn)


def test_only_photographs_that_may_be_shown() -> None:
    found = _found()
    some = found._replace(plan=dataclasses.replace(found.plan, shown="[b-g]"))
    everyone = np.concatenate(list(sheet.chosen(some).values()))
    assert sorted(everyone) == [1, 2, 3, 4, 5, 6]
    sheet.need_some("r*.jpg", photographs.builtin())
    pattern = r"config.shown=\*.tif fits no .* such as \w+\.\w+$"
    with pytest.raises(UserError, match=pattern):
        sheet.need_some("*.tif", photographs.builtin())


def test_scores_of_another_set_are_refused() -> None:
    found = _found()
    other = dataclasses.replace(
        found.scores[1].result,
        protocol=found.scores[1].result.protocol | {"data_sha256": "2"},
    )
    changed = [*found.scores]
    changed[1] = dataclasses.replace(changed[1], result=other)
    with pytest.raises(UserError, match="judged on other photographs"):
        table.build(found._replace(scores=changed))
