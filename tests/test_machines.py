"""One training, whatever the lane, the devices and the processes.

Two real processes, with four simulated devices each, run once for all tests here.
"""

import dataclasses
import itertools
import pickle
import sys
from pathlib import Path
from typing import NamedTuple

import compiling
import jax
import machines
import numpy as np
import pytest
import runs
from machines import HALF, LANES, STEPS, Outcome
from PIL import Image

from colorflax import checkpoint, features
from colorflax.data import library
from colorflax.disk import seals
from colorflax.machines import distributed
from colorflax.training import assemble
from launch import local

ROOT = Path(__file__).parent.parent
TOLERANCE = 1e-5


class Pair(NamedTuple):
    """What two processes left."""

    folder: Path
    code: int  # of the launcher
    outcomes: dict[tuple[str, int], Outcome]  # by lane and devices
    later: Outcome  # gone on from what one process had saved
    numbers: dict[str, float]  # of a whole run
    read: str  # the digest of what both read of its checkpoint
    refusal: str  # to go on with what they do not agree on


@pytest.fixture(scope="module")
def alone(photos: str) -> Outcome:
    return machines.run(photos, "jit", 1)


@pytest.fixture(scope="module")
def pair(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    machines.run(photos, "jit", 2, save=folder / "from one")
    script = str(ROOT / "tests" / "machines.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("XLA_FLAGS", compiling.devices(4)["XLA_FLAGS"])
        code = local.run([sys.executable, script, str(folder), photos], 2)
    results = pickle.loads((folder / "results.pickle").read_bytes())
    return Pair(folder, code, *results)


def _difference(one: Outcome, other: Outcome) -> float:
    """The largest, of losses (relative) and variables (absolute)."""
    (losses, ours), (expected, theirs) = one, other
    apart = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), ours, theirs)
    ratios = np.array(losses) / expected[-len(losses) :]
    return max(*jax.tree.leaves(apart), float(np.abs(ratios - 1).max()))


def test_lanes_devices_and_processes_agree(
    photos: str, alone: Outcome, pair: Pair
) -> None:
    """The table: shown by pytest -s."""
    rows = [
        (1, devices, parallel, machines.run(photos, parallel, devices))
        for parallel, devices in itertools.product(LANES, (1, 2, 4, 8))
    ]
    rows += [(2, *reversed(way), outcome) for way, outcome in pair.outcomes.items()]
    print(f"\nlargest difference from jit on one device after {STEPS} steps")
    print("processes  devices  lane  difference")
    apart = []
    for processes, devices, parallel, outcome in rows:
        assert len(outcome[0]) == STEPS
        apart.append(_difference(outcome, alone))
        print(f"{processes:9}{devices:9}  {parallel:5}{apart[-1]:11.1e}")
    assert len(rows) == 14
    assert max(apart) <= TOLERANCE
    # Training has moved what is compared by far more than that.
    losses, _ = alone
    assert losses[-1] < 0.99 * losses[0]


def test_two_processes_go_on_from_one(alone: Outcome, pair: Pair) -> None:
    losses, _ = pair.later
    assert len(losses) == STEPS - HALF
    assert _difference(pair.later, alone) <= TOLERANCE


@pytest.mark.parametrize(("parallel", "devices"), [("jit", 1), ("pmap", 8)])
def test_one_process_goes_on_from_two(
    photos: str, alone: Outcome, pair: Pair, parallel: str, devices: int
) -> None:
    later = machines.run(photos, parallel, devices, since=pair.folder / "from two")
    assert len(later[0]) == STEPS - HALF
    assert _difference(later, alone) <= TOLERANCE


def test_a_whole_run(photos: str, pair: Pair, tmp_path: Path) -> None:
    """Everything that a run leaves is there once, and says what one process says."""
    numbers = machines.whole_run(photos, tmp_path)
    assert pair.numbers.keys() == numbers.keys()
    for name, value in numbers.items():
        assert pair.numbers[name] == pytest.approx(value, rel=1e-5, abs=1e-6)
    theirs, ours = (runs.rows(folder) for folder in (pair.folder / "whole", tmp_path))
    assert [row["step"] for row in theirs] == [1, 2, 2, 3, 4, 4]
    for one, other in zip(theirs, ours, strict=True):
        for name in one.keys() - {"train/images_per_s"}:
            assert one[name] == pytest.approx(other[name], rel=1e-5, abs=1e-6)
    whole = pair.folder / "whole"
    assert len(list((whole / "tensorboard").iterdir())) == 1
    for step in ("2", "4"):
        assert (whole / "checkpoints" / step / "sha256.json").is_file()
        assert seals.broken(whole / "checkpoints" / step) is None
    sheets = [
        np.asarray(Image.open(d / "pictures" / "000004.png")) for d in (whole, tmp_path)
    ]
    np.testing.assert_allclose(*[sheet.astype(int) for sheet in sheets], atol=1)


def test_each_process_reads_a_checkpoint(pair: Pair) -> None:
    saved = checkpoint.load(pair.folder / "whole")
    assert pair.read == checkpoint.digest(saved.variables)


def test_processes_that_differ_are_refused(pair: Pair) -> None:
    assert "process 1 and process 0 differ in: that;" in pair.refusal


def test_a_failure_ends_all(pair: Pair) -> None:
    """Process 1 left with 3 while process 0 slept: it was not waited for."""
    assert pair.code == 3


def test_each_process_embeds_its_share(
    photos: str, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's share is found on disk, or computed where there is none in common."""
    sides = library.find(machines.settings(photos).data)
    name = "inception_resnet_v2"
    monkeypatch.setitem(features.BACKBONES, name, features.BACKBONES[tiny])
    chosen = dataclasses.replace(
        machines.settings(photos).features, name=name, weights="random"
    )
    monkeypatch.setenv("COLORFLAX_CACHE", str(tmp_path / "alone"))
    (expected, _), _ = assemble._embed(sides, chosen, None)
    on_disk = []

    def barrier(name: str) -> None:
        on_disk.append(len(list(tmp_path.glob("pair/**/*.f32"))))

    monkeypatch.setenv("COLORFLAX_CACHE", str(tmp_path / "pair"))
    monkeypatch.setattr(distributed, "barrier", barrier)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    (ours, _), _ = assemble._embed(sides, chosen, None)
    assert on_disk == [6]
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_the_prior_is_of_all_processes(
    photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = machines.settings(
        photos, objective__name="classification", model__stride=4
    )
    monkeypatch.setattr(assemble, "_PRIOR_VIEWS", 24)
    expected = assemble.assemble(chosen, tmp_path).about["prior"]
    monkeypatch.setattr(distributed, "agree", lambda values: None)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    assert assemble.assemble(chosen, tmp_path).about["prior"] == expected
