"""Kill a run at random moments; is anything lost? `python -m launch.drill --kills=20`.

A small run is trained once without a break. The same command is then given in another
folder, and killed (SIGKILL) at a random moment, again and again. Each time that it
finishes, its parameters and numbers must be those of the first run, bit for bit, and
another begins. After all kills, one more run must finish too.
"""

import itertools
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import flags

from colorflax import checkpoint, cli
from colorflax.errors import UserError

_KILLS = flags.DEFINE_integer("kills", 20, "number of kills", 1)
_SEED = flags.DEFINE_integer("seed", 0, "random seed of the moments", 0)
_NETWORK = flags.DEFINE_enum("network", "simple", ["simple", "fusion"], "to train")

ROOT = Path(__file__).parent.parent
_SMALL = [
    "--config.data.size=16", "--config.data.short_side=16",
    "--config.features.name=none", "--config.train.batch_size=4",
    "--config.train.steps=60", "--config.train.log_every=1",
    "--config.train.eval_every=10", "--config.train.save_every=4",
]  # fmt: skip


def drill(command: Sequence[str], folder: Path, kills: int, seed: int) -> bool:
    """Whether a run that is killed again and again equals one that never is.

    Args:
        command: that trains, without its --workdir; with --config.train.log_every=1.
        folder: an empty one for the runs; those that differ stay in it.
        kills: how many.
        seed: of the moments.

    Raises:
        UserError: the command failed by itself.
    """
    moments = random.Random(seed)
    straight, killed = folder / "straight", folder / "killed"
    took = _run(command, straight, math.inf)
    done, same = 0, True
    for attempt in itertools.count():
        workdir = killed / str(attempt)
        while True:
            limit = moments.uniform(0, took) if done < kills else math.inf
            seconds = _run(command, workdir, limit)
            if seconds < limit:
                break
            done += 1
            print(f"kill {done:3}: after {limit:5.2f} s, {_reached(workdir)}")
        # The first run had to compile as well: what the others take is learnt here.
        took = min(took, seconds)
        found = difference(straight, workdir)
        same &= found is None
        print(f"run {attempt + 1}: {found or 'the same, bit for bit'}")
        if done == kills:
            return same
    raise AssertionError("unreachable")


def difference(one: Path, other: Path) -> str | None:
    """In what two finished runs differ: parameters, numbers, or nothing."""
    a, b = (checkpoint.load(run / "checkpoints" / _last(run)) for run in (one, other))
    if a.step != b.step:
        return f"ends at step {b.step}, not {a.step}"
    bits = [
        [np.asarray(x).tobytes() for x in jax.tree.leaves(s.variables)] for s in (a, b)
    ]
    if bits[0] != bits[1]:
        return "other parameters"
    if list(_numbers(one)) != list(_numbers(other)):
        return "other numbers in metrics.jsonl"
    return None


def _last(run: Path) -> str:
    names = (path.name for path in (run / "checkpoints").iterdir())
    return max(filter(str.isdigit, names), key=int)


def _numbers(run: Path) -> Iterator[dict[str, Any]]:
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        for timed in ("images_per_s", "utilisation"):  # what time goes into
            row.pop(f"train/{timed}", None)
        yield row


def _run(command: Sequence[str], workdir: Path, limit: float) -> float:
    """The seconds until it ended, or `limit` if it was killed then."""
    start = time.monotonic()
    workdir.parent.mkdir(parents=True, exist_ok=True)
    with _said(workdir).open("w") as said:
        process = subprocess.Popen(
            [*command, f"--workdir={workdir}"],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        try:
            code = process.wait(None if limit == math.inf else limit)
        except subprocess.TimeoutExpired:
            return limit
        finally:
            process.kill()
            process.wait()
    if code:
        raise UserError(f"the run failed with code {code}; see {_said(workdir)}")
    return min(time.monotonic() - start, math.nextafter(limit, 0))


def _said(workdir: Path) -> Path:
    return workdir.with_name(f"{workdir.name}.stderr")


def _reached(workdir: Path) -> str:
    said = _said(workdir).read_text()
    steps = re.findall(r"^step (\d+)/", said, re.MULTILINE)
    resumed = re.search(r"going on from step (\d+)", said)
    where = f"at step {steps[-1]}" if steps else "before a step was done"
    if resumed:
        return f"{where}, resumed from step {resumed[1]}"
    return f"{where} from the start" if steps else f"{where}, before it resumed"


def main(argv: Sequence[str]) -> int:
    """Print a line per kill and a verdict; 1 if anything was lost."""
    cli.need_no_arguments(argv)
    config = f"--config=configs/{_NETWORK.value}.py"
    command = [sys.executable, "-m", "colorflax.main", config, *_SMALL]
    folder = Path(tempfile.mkdtemp(prefix="colorflax-drill-"))
    same = drill(command, folder, _KILLS.value, _SEED.value)
    if same:
        shutil.rmtree(folder)
        print(f"{_KILLS.value} kills: nothing is lost")
    else:
        print(
            f"{_KILLS.value} kills: a run is not what it would have been; see {folder}"
        )
    return 0 if same else 1


if __name__ == "__main__":
    cli.run(main)
