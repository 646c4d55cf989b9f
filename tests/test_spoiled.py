"""Files that spoil a training: too many bad ones, and those that change meanwhile."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from colorflax import config
from colorflax.data import library, photographs, pipeline
from colorflax.errors import UserError
from configs import fusion

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("bad", "fails"), [(2, False), (3, True)])
def test_share_of_bad_files(photos: str, tmp_path: Path, bad: int, fails: bool) -> None:
    content = (Path(photos) / "0.png").read_bytes()
    for i in range(40):
        (tmp_path / f"{i:02}.png").write_bytes(b"" if i < bad else content)
    values = fusion.get_config().to_dict()["data"]
    values |= {"source": f"folder:{tmp_path}", "validation_percent": 0.0}
    settings = config.parse(fusion.get_config().to_dict() | {"data": values}).data
    if fails:
        with pytest.raises(UserError, match=r"3 of 40 .*\(7\.5 %.*=5\): .*00\.png: "):
            library.find(settings)
    else:
        assert len(library.find(settings).training) == 1


@pytest.mark.parametrize("how", ["removed", "replaced", "damaged"])
def test_a_photograph_that_changes_stops_the_run(
    photos: str, tmp_path: Path, how: str
) -> None:
    for path in Path(photos).glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = photographs.folder(tmp_path)
    victim = found[5].read().picture
    assert isinstance(victim, Path)
    os.utime(victim, (1, 1))  # another date, however coarse the clock
    match how:
        case "removed":
            victim.unlink()
        case "replaced":
            victim.write_bytes(b"another")
        case "damaged":
            victim.write_bytes(victim.read_bytes()[:100])
    settings = config.parse(fusion.get_config()).data
    batches = pipeline.training_batches(found, None, settings, seed=0, batch_size=4)
    with pytest.raises(UserError, match=rf"{victim.name}: .* since the run began") as e:
        for _ in itertools.islice(batches, 6):
            pass
    assert "\n" not in str(e.value)


_WORKERS = """
import dataclasses, sys
from pathlib import Path
from colorflax import cli, config
from colorflax.data import photographs, pipeline
from configs import fusion

def main(argv):
    found = photographs.folder(Path(argv[1]))
    found[5].read().picture.unlink()
    settings = config.parse(fusion.get_config()).data
    settings = dataclasses.replace(settings, workers=1)
    for _ in pipeline.training_batches(found, None, settings, seed=0, batch_size=4):
        pass

if __name__ == "__main__":
    cli.run(main)
"""


def test_a_photograph_that_disappears_from_workers(photos: str, tmp_path: Path) -> None:
    for path in Path(photos).glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / ".script.py").write_text(_WORKERS)
    done = subprocess.run(
        [sys.executable, tmp_path / ".script.py", tmp_path], cwd=ROOT,
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.returncode == 1
    *progress, last = done.stderr.splitlines()
    assert re.fullmatch(r"colorflax: .*png: .*disappeared since the run .*", last)
    assert len(progress) <= 1, done.stderr
