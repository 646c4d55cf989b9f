"""The command: its table, what it writes down, and how it says no."""

import json
import shutil
import subprocess
from pathlib import Path

import commands
import compiling
import jax
import numpy as np
import pytest
import runs

from colorflax import checkpoint, config, contest
from colorflax.color import bins
from colorflax.data import library
from colorflax.training.tasks import Colorization
from configs import simple

ENV = compiling.devices(2)


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return commands.run("colorflax.evaluate", *arguments, env=ENV)


def test_what_is_written_down(photos: str, tmp_path: Path) -> None:
    out = tmp_path / "scores.json"
    done = _command(
        "--model=grey", f"--config.data.source=folder:{photos}", f"--out={out}",
        "--config.data.size=16", "--config.data.short_side=16", "--resamples=200",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mode=fixed: 16 x 16 px" in done.stdout
    for line in ("model", "grey", "mean colour", "random photo", "model - grey"):
        assert f"\n{line} " in done.stdout
    written = json.loads(out.read_text())
    protocol, rows = written["protocol"], written["photographs"]
    assert protocol["mode"] == "fixed"
    assert protocol["model"] == "grey"
    assert protocol["checkpoint"] is None
    assert protocol["data"]["size"] == 16
    assert len(protocol["data_sha256"]) == 64
    assert protocol["versions"].keys() == {"colorflax", "jax", "numpy"}
    assert f"--out={out}" in protocol["command"]
    assert protocol["intervals"]["resamples"] == 200
    assert len(rows) == protocol["photographs"] == 12
    for system in ("model", "grey", "mean", "random"):
        for number, score in written["scores"][system].items():
            if number in contest.FINISH:
                continue
            own = [row[system][number] for row in rows.values()]
            assert score["low"] <= score["high"]
            weights = [1.0] * 12
            if number == "auc_rebalanced":
                weights = [row["auc_rebalanced_weight"] for row in rows.values()]
            mean = sum(map(float.__mul__, own, weights)) / sum(weights)
            assert score["value"] == pytest.approx(mean, rel=1e-6)


def test_a_checkpoint_and_whether_it_knows_the_photographs(
    photos: str, tmp_path: Path
) -> None:
    """Its own source means what it set aside; another one is taken whole."""
    settings = simple.get_config("classification").to_dict()
    settings["data"] |= {
        "source": f"folder:{photos}", "train_split": "train", "size": 16,
        "short_side": 16, "validation_percent": 40.0,
    }  # fmt: skip
    parsed = config.parse(settings)
    sides = library.find(parsed.data)
    task = Colorization.build(parsed, None)
    square = np.zeros((1, 16, 16, 3), np.uint8)
    rare = np.exp(-np.linalg.norm(bins.CENTRES, axis=1) / 20)  # lively colours are
    about = {
        "colorflax": "0", "config": settings, "features": None,
        "photographs": library.fingerprint(sides), "init_from": {"name": "another"},
        "prior": (rare / rare.sum()).tolist(),
    }  # fmt: skip
    checkpoints = checkpoint.Checkpoints(tmp_path / "run", about, keep=1)
    fresh = jax.jit(task.init)(jax.random.key(0), {"rgb": square})
    checkpoints.save(4, fresh.replace(step=np.int32(4)), score=None)
    checkpoints.close()
    run = f"--checkpoint={tmp_path / 'run'}"
    out = tmp_path / "scores.json"
    done = _command(run, f"--out={out}", "--temperature=0.2,1", "--tau=0.5")
    assert done.returncode == 0, done.stderr
    assert f"{len(sides.validation)} photographs of folder:" in done.stdout
    assert "step 4; trained on none of them; it began with another" in done.stdout
    written = json.loads(out.read_text())
    assert {"T=0.2", "T=1", "T=0.2 - grey", "T=1 - grey"} < written["scores"].keys()
    protocol = written["protocol"]
    assert protocol["trained_on"] == 0
    assert protocol["objective"]["tau"] == 0.5
    assert protocol["checkpoint"]["step"] == 4
    saved = checkpoint.load(tmp_path / "run")
    assert protocol["checkpoint"]["sha256"] == checkpoint.digest(saved.variables)
    assert protocol["mean_colour"]["photographs"] == len(sides.training)
    shutil.copytree(photos, tmp_path / "copy")
    done = _command(run, f"--config.data.source=folder:{tmp_path / 'copy'}")
    assert done.returncode == 0, done.stderr
    assert "\nmodel: " in done.stdout
    assert "12 photographs of folder:" in done.stdout
    assert f"trained on {len(sides.training)} of them" in done.stdout
    # The same words, but other photographs than it began with: nothing is known.
    elsewhere = about | {"photographs": "of another machine"}
    checkpoints = checkpoint.Checkpoints(tmp_path / "other", elsewhere, keep=1)
    checkpoints.save(4, fresh.replace(step=np.int32(4)), score=None)
    checkpoints.close()
    other = f"--checkpoint={tmp_path / 'other'}"
    done = _command(other, f"--config.data.source=folder:{photos}")
    assert "12 photographs of folder:" in done.stdout, done.stderr
    assert "not known whether it trained on them" in done.stdout
    done = _command(run, f"--out={out}", "--temperature=0.4", "--tau=0,1")
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    vivid, plain = (written["scores"][f"tau={tau}"]["colourfulness"] for tau in (1, 0))
    assert vivid["value"] > plain["value"]
    assert written["protocol"]["objective"]["temperature"] == 0.4
    done = _command(run, f"--out={out}", "--tau=0", "--gain=1,3")
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    vivid, plain = (written["scores"][f"gain={g}"]["chroma_ratio"] for g in (3, 1))
    assert vivid["value"] == pytest.approx(3 * plain["value"], rel=1e-4)
    assert written["protocol"]["objective"]["tau"] == 0
    done = _command(run, f"--out={out}", "--temperature=0.2,1", "--gain=1,3")
    assert done.returncode == 0, done.stderr
    scores = json.loads(out.read_text())["scores"]
    names = [f"T={t:g} gain={g}" for t in (0.2, 1) for g in (1, 3)]
    assert [*scores][:4] == names
    pale, vivid = (scores[name]["chroma_ratio"]["value"] for name in names[2:])
    assert vivid == pytest.approx(3 * pale, rel=1e-4)
    bad = _command(run, "--temperature=warm")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("colorflax: --temperature=warm should be numbers")


def test_two_checkpoints_on_the_same_photographs(photos: str, tmp_path: Path) -> None:
    """Each has the numbers that it has alone, and their difference is paired."""
    names = []
    for name, words in (("one", ""), ("other", "classification")):
        (tmp_path / name).mkdir()
        names.append(runs.untrained(tmp_path / name, words))
    out = tmp_path / "scores.json"
    where = [
        f"--config.data.source=folder:{photos}", "--config.data.size=16",
        "--config.data.short_side=16", "--resamples=200", f"--out={out}",
    ]  # fmt: skip
    alone = []
    for run in names:
        assert _command(f"--checkpoint={run}", *where).returncode == 0
        alone.append(json.loads(out.read_text())["scores"]["model"])
    step = next((names[1] / "checkpoints").iterdir())
    both = [f"--checkpoint={run}" for run in (names[0], step)]
    done = _command(*both, *where)
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text())
    scores = written["scores"]
    assert [*scores][:3] == ["one", "other/0", "grey"]
    assert [*scores][-3:] == ["one - grey", "other/0 - grey", "other/0 - one"]
    assert scores["one"]["mse"] != scores["other/0"]["mse"]
    for name, own in zip(("one", "other/0"), alone, strict=True):
        assert scores[name] == own
        assert f"\n{name}: {tmp_path / name[:3]}" in done.stdout
        assert written["protocol"]["checkpoint"][name]["trained_on"] is None
    rows = written["photographs"].values()
    less = [row["other/0"]["mse"] - row["one"]["mse"] for row in rows]
    paired = scores["other/0 - one"]["mse"]
    assert paired["value"] == pytest.approx(np.mean(less), rel=1e-4)
    assert min(less) < paired["low"] < paired["value"] < paired["high"] < max(less)
    for flags, message in (
        (both[:1] * 2, "named by two --checkpoint"),
        ([*both, "--gain=1,2"], "--gain with several numbers is for one --checkpoint"),
    ):
        assert message in commands.complaint(_command(*flags, *where))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "name a checkpoint, --checkpoint=RUN"),
        (["--checkpoint=no/where"], "no/where: no checkpoint here"),
        (["--checkpoint=default"], "photographs of the run are not here (photos: no"),
        (["--model=grey"], "name photographs, for example --config.data.source"),
        (["--model=grey", "--tau=1"], "--model=grey has no temperature, tau or gain"),
        (
            ["--model=truth", "--config.data.source=folder:{photos}",
             "--config.data.train_split=train[:0]"],
            "train[:0]",
        ),
        (["--config.data.sorce=x"], "Did you mean: config.data.source"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(flags: list[str], message: str, photos: str) -> None:
    done = _command(*(flag.format(photos=photos) for flag in flags))
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stderr.startswith("colorflax: ")
    assert len(done.stderr.strip().splitlines()) == 1
