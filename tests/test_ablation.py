"""One command, one table: equal runs, resumed, and numbers that are NumPy's."""

import csv
import dataclasses
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import commands
import numpy as np
import pytest
import runs
from PIL import Image
from scipy import stats

from colorflax import assemble, checkpoint
from colorflax.contest import Result
from colorflax.errors import UserError
from configs import ablation
from launch.ablation import axes, plan, scores, sheet, table

ENV = runs.ENV | {"JAX_PLATFORMS": "cpu"}
STEPS = 60


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pictures of which three tenths are red, and nothing in their L says where."""
    root = tmp_path_factory.mktemp("doubtful")
    rng = np.random.default_rng(0)
    for i in range(12):
        L = rng.integers(90, 170, (6, 8)).astype(np.float32)
        L = np.asarray(Image.fromarray(L).resize((40, 30), Image.Resampling.BICUBIC))
        red = np.kron(rng.random((6, 8)) < 0.3, np.ones((5, 5)))
        rgb = L[..., None] + red[..., None] * np.array([70, -25, -25])
        rgb = rgb.clip(0, 255).astype(np.uint8)
        Image.fromarray(rgb).save(root / f"{i}.png")
    return str(root)


def _arguments(photos: str, workdir: Path) -> list[str]:
    return [
        "--config=configs/ablation.py:small", f"--workdir={workdir}",
        "--config.networks=simple", "--config.temperatures=0.38,1",
        f"--config.base.data.source=folder:{photos}", "--config.base.data.size=16",
        "--config.base.data.short_side=16", "--config.base.data.validation_percent=0",
        f"--config.base.train.steps={STEPS}", "--config.base.train.log_every=5",
        "--config.base.train.eval_every=20", "--config.base.train.save_every=10",
        "--config.base.optim.learning_rate=3e-3",
    ]  # fmt: skip


def _ablate(
    *arguments: str, env: dict[str, str] = ENV
) -> subprocess.CompletedProcess[str]:
    done = commands.run("launch.ablate", *arguments, env=env)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def made(doubtful: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ablation, all in one go."""
    workdir = tmp_path_factory.mktemp("ablation")
    done = _ablate(*_arguments(doubtful, workdir))
    assert (workdir / "table.md").read_text() in done.stdout
    return workdir


def _tables(workdir: Path) -> list[bytes]:
    return [(workdir / f"table.{kind}").read_bytes() for kind in ("csv", "json", "md")]


def test_rebalancing_is_livelier_and_mse_nearer(made: Path) -> None:
    """Where a colour is in doubt: what the whole comparison is about."""
    found = json.loads((made / "table.json").read_text())["table"]
    annealed, mean = (found[f"simple rebalanced T={t}"] for t in ("0.38", "1"))
    for member in (annealed, mean):
        assert member["colourfulness"]["difference"]["low"] > 2
        assert member["colourfulness"]["p_holm"] < 0.01
        assert member["mse"]["difference"]["value"] > 0
    assert mean["mse"]["difference"]["low"] > 0
    assert found["simple mse"]["mse"]["p"] is None
    assert found["simple mse"]["mse"]["mean"]["value"] < found["grey"]["mse"]["mean"][
        "value"
    ]  # fmt: skip


def test_what_is_written(made: Path) -> None:
    rows = list(csv.DictReader((made / "table.csv").read_text().splitlines()))
    assert {row["member"] for row in rows} == {
        "simple mse", "simple rebalanced T=0.38", "simple rebalanced T=1", "grey",
        "mean colour", "random photo",
    }  # fmt: skip
    content = json.loads((made / "table.json").read_text())
    for row in rows:
        number = content["table"][row["member"]][row["number"]]
        assert float(row["mean"]) == number["mean"]["value"]
        assert number["mean"]["low"] <= number["mean"]["value"]
    assert content["protocol"]["trained_on_them"] is True
    assert "permutation" in content["protocol"]["p"]
    for name, run in content["runs"].items():
        saved = checkpoint.load(made / name / "checkpoints" / str(STEPS))
        assert run["sha256"] == checkpoint.digest(saved.variables)
    with Image.open(made / "sheet.png") as wide:
        assert wide.width > 5 * 96  # grey, three members, truth
        assert wide.height > 12 * 96
    plots = {path.name for path in (made / "plots").iterdir()}
    assert plots == {
        "ab_histograms.png", "ab_planes.png", "errors.png", "training.png"
    }  # fmt: skip


def test_the_same_table_again(made: Path, doubtful: str) -> None:
    """Nothing is trained again; measured anew, it has the same bytes."""
    before, sheets = _tables(made), (made / "sheet.png").read_bytes()
    for path in made.glob("*/scores.json"):
        path.unlink()
    done = _ablate(*_arguments(doubtful, made))
    assert done.stderr.count(": finished") == 2
    assert "step" not in done.stderr
    assert _tables(made) == before
    assert (made / "sheet.png").read_bytes() == sheets


def test_killed_it_goes_on_to_the_same_table(
    made: Path, doubtful: str, tmp_path: Path
) -> None:
    """The second run as a task of an array, killed in the middle of its steps."""
    arguments = _arguments(doubtful, tmp_path)
    task = ENV | {"SLURM_ARRAY_TASK_ID": "1"}
    command = [sys.executable, "-m", "launch.ablate", *arguments]
    with subprocess.Popen(
        command, cwd=commands.ROOT, stderr=subprocess.PIPE, text=True, env=task
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 25/"):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir()] == ["simple-rebalanced-0"]
    done = _ablate(*arguments)
    assert "simple-rebalanced-0: going on from step" in done.stderr
    assert _tables(tmp_path) == _tables(made)


def test_a_folder_of_another_ablation(
    made: Path, doubtful: str, photos: str, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path / "copy")
    arguments = _arguments(doubtful, tmp_path / "copy")
    for change, complaint in (
        ("--config.base.optim.learning_rate=1e-3", "optim.learning_rate was 0.003"),
        (f"--config.base.data.source=folder:{photos}", "data.source was"),
        ("--config.base.train.steps=40", "it is at step 60, beyond 40"),
    ):
        done = commands.run("launch.ablate", *arguments, change, env=ENV)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"colorflax: {tmp_path}/copy/simple-mse-0 holds another")
        assert complaint in last


def test_dry_run_counts_and_trains_nothing(tmp_path: Path) -> None:
    done = _ablate(
        "--config=configs/ablation.py", "--config.networks=simple", "--dry_run",
        f"--workdir={tmp_path / 'none'}", "--images_per_s=10",
    )  # fmt: skip
    assert not (tmp_path / "none").exists()
    assert done.stdout.startswith("12 trainings\n")
    assert "simple-huber-2" in done.stdout
    # 12 runs of 300 steps of 16 at 10 a second.
    assert f"{12 * 300 * 16 / 10 / 3600:.2f}" in done.stdout.splitlines()[-1]
    assert "3,600" in done.stdout.splitlines()[-1]


def test_all_runs_are_alike_but_for_the_loss(photos: str, tmp_path: Path) -> None:
    values = ablation.get_config()
    values.base.data.source = f"folder:{photos}"
    values.base.data.size = values.base.data.short_side = 16
    values.networks = "simple,fusion"
    made = plan.parse(values)
    assert len({t.name for t in made.trainings}) == len(made.trainings) == 24
    assert [made.only(k).name for k in (0, 23)] == [
        "simple-mse-0",
        "fusion-rebalanced-2",
    ]
    for training in made.trainings:
        assert training.settings.model.stride == 4
        assert (training.temperatures != ()) == (
            training.settings.objective.name == "classification"
        )
        assert (training.taus != ()) == (training.objective == "plain")
    equal = {
        json.dumps(
            t.settings.to_dict() | {"seed": 0, "model": 0, "objective": 0},
            sort_keys=True,
        )
        for t in made.trainings
    }
    assert len(equal) == 1
    same_seed = [t for t in made.trainings if t.settings.seed == 1][:4]
    first, *others = [
        [batch["rgb"] for batch in itertools.islice(run.training_batches(0), 2)]
        for t in same_seed
        for run in [assemble.assemble(t.settings, tmp_path / t.name)]
    ]
    for batches in others:
        np.testing.assert_array_equal(batches, first)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"networks": "simple,lenet"}, "'lenet' is not one of fusion"),
        ({"objectives": "mse,mse"}, "config.objectives should be some, each once"),
        ({"objectives": "mse,l1"}, "'l1' is not one of huber, mse"),
        ({"reference": "huber", "objectives": "mse"}, "config.reference=huber is not"),
        ({"seeds": ()}, "config.seeds should be some"),
        ({"temperatures": (0.0,)}, "config.temperatures should be positive"),
        ({"seeds": (-1,)}, "fusion-mse--1, from config.base: config.seed should be"),
    ],
)
def test_impossible_plans(change: dict[str, Any], message: str) -> None:
    values = ablation.get_config().to_dict() | change
    with pytest.raises(UserError, match=message):
        plan.parse(values)


def test_other_configs_are_no_ablations() -> None:
    from configs import simple

    with pytest.raises(UserError, match="should be an ablation such as"):
        plan.parse(simple.get_config())
    with pytest.raises(
        UserError, match="--only=12: the runs are numbered from 0 to 11"
    ):
        plan.parse(ablation.get_config()).only(12)


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
        everybody.append(scores.Scores(result, {}, "0"))
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


def test_photographs_of_the_sheet_are_not_picked_by_hand() -> None:
    found = _found()
    kinds = sheet.chosen(found)
    assert list(kinds) == ["first by hash", "at random", "worst of mse"]
    first, drawn, worst = kinds.values()
    assert list(first) == [0, 1, 2, 3]
    everyone = [*first, *drawn, *worst]
    assert sorted(everyone) == list(range(N))
    assert list(sheet.chosen(found)["at random"]) == list(drawn)


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


def test_counts_are_numpys() -> None:
    rng = np.random.default_rng(0)
    ab, truth = rng.uniform(-100, 100, (2, 3, 50, 2))
    edges = np.arange(-scores.LIMIT, scores.LIMIT + 1, scores.CELL)
    b, a = ab[..., 1].ravel(), ab[..., 0].ravel()
    expected, _, _ = np.histogram2d(b, a, bins=(edges, edges))
    np.testing.assert_array_equal(scores.plane(ab), expected)
    assert scores.plane(np.array([[-200.0, 200.0]]))[-1, 0] == 1
    distance = np.linalg.norm(ab - truth, axis=-1).ravel()
    steps = [*range(scores.FARTHEST + 1), np.inf]
    expected, _ = np.histogram(distance, bins=steps)
    np.testing.assert_array_equal(scores.errors(ab, truth), expected)


@pytest.mark.parametrize("log", [False, True])
def test_curves_are_where_they_should_be(log: bool) -> None:
    """A line from corner to corner passes through the middle of the frame."""
    x = np.array([0.0, 1.0])
    y = np.array([1e-3, 1e-1]) if log else np.array([0.0, 1.0])
    picture = axes.draw("title", "x", "y", {"one": (x, y)}, log=log)
    black = np.asarray(picture.convert("L")) < 100
    left, top, wide, high = axes._LEFT, axes._TOP, axes._WIDE, axes._HIGH
    for share in (0.25, 0.5, 0.75):
        column = black[top + 4 : top + high - 4, round(left + share * wide)]
        (rows,) = np.nonzero(column)
        assert abs(rows.mean() + 4 - (1 - share) * high) < 2


def test_the_array_script_passes_its_arguments_on() -> None:
    """What the cluster runs is the command of the documentation."""
    script = commands.ROOT / "launch" / "ablate.sh"
    subprocess.run(["bash", "-n", script], check=True)
    assert 'python -m launch.ablate "$@"' in script.read_text()
    assert os.access(script, os.X_OK)
