"""The trace that --profile leaves."""

import gzip
import json
from pathlib import Path

import commands
import pytest
import runs

from colorflax.training.speed import tracing


@pytest.mark.parametrize(
    ("steps", "traced"),
    [(1, (0, 1)), (3, (1, 3)), (12, (7, 12)), (15, (10, 15)), (900, (10, 15))],
)
def test_which_steps(steps: int, traced: tuple[int, int]) -> None:
    assert tracing.window(steps) == traced


def test_a_run_leaves_a_trace(photos: str, tmp_path: Path) -> None:
    """Of the last five of its six steps."""
    _, _, module, *arguments = runs.command(photos, tmp_path)
    done = commands.run(module, *arguments, "--profile", env=runs.ENV)
    assert done.returncode == 0, done.stderr
    assert (
        f"{tmp_path}/profile: a trace of what was done from step 2 to 6" in done.stderr
    )
    (trace,) = tmp_path.glob("profile/**/*.trace.json.gz")
    events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    numbers = [e["args"]["step_num"] for e in events if e.get("name") == "step"]
    assert numbers == ["2", "3", "4", "5", "6"]
