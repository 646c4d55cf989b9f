"""The command over damaged files: what can be read is coloured, the rest is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import compiling
import pytest
import runs
from chamber import fill
from PIL import Image

from colorflax.data.decode import decode
from colorflax.data.photographs import list_files
from colorflax.disk.files import shown
from colorflax.errors import UserError

ROOT = Path(__file__).parent.parent
_COMMAND = """
import atexit, runpy, sys
from pathlib import Path

@atexit.register
def peak():
    status = Path("/proc/self/status").read_text()
    print("kB", status.split("VmHWM:")[1].split()[0])

runpy.run_module("colorflax.colorize", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def chamber(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is odd, and a quarter of what is damaged at random."""
    return fill(tmp_path_factory.mktemp("chamber"), every=4)


@pytest.fixture(scope="module")
def accepted(chamber: Path) -> dict[str, tuple[int, int] | str]:
    """What `decode` says to each: its size, or the reason why not."""
    said: dict[str, tuple[int, int] | str] = {}
    for path in list_files(chamber):
        try:
            said[shown(path)] = decode(path).size
        except UserError as error:
            said[shown(path)] = str(error)
    return said


def test_each_is_coloured_or_named(
    chamber: Path, accepted: dict[str, tuple[int, int] | str], tmp_path: Path
) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    run = runs.untrained(tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, f"--checkpoint={run}", f"--out={out}",
         f"--report={report}", str(chamber)],
        cwd=ROOT, env=compiling.devices(1), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    *told, peak = done.stdout.splitlines()
    assert int(peak.removeprefix("kB ")) < 1_200_000
    lines = done.stderr.splitlines()
    ours = [x for x in lines if x.startswith("colorflax: ") and x.isprintable()]
    assert [x for x in lines if x not in ours] == []
    rows = json.loads(report.read_text())["files"]
    assert sorted(row["source"] for row in rows) == sorted(accepted)
    assert len(rows) > 300
    expected = {".colorflax.jsonl"}
    for row in rows:
        size = accepted[row["source"]]
        if isinstance(size, str):
            assert (row["status"], row["reason"]) == ("failed", size)
            assert f"colorflax: {size}" in lines
        else:
            assert (row["status"], row["reason"]) == ("done", ""), row
            assert f"{row['source']} -> {row['output']}" in told
            expected.add(row["output"].removeprefix(f"{out}/"))
    assert len(told) == len(expected) - 1 > 100  # no output stands for two
    left = {shown(p.relative_to(out)): p for p in out.rglob("*") if not p.is_dir()}
    assert set(left) == expected
    for row in rows:
        if row["status"] == "done":
            with Image.open(left[row["output"].removeprefix(f"{out}/")]) as image:
                image.load()
                assert image.size == accepted[row["source"]]
                assert image.mode in ("RGB", "RGBA")
    for name in ("latin-\\xe9\\xff.jpg", "pipe.jpg", "bomb.png", "loop.jpg"):
        assert isinstance(accepted[os.path.join(chamber, name)], str)
