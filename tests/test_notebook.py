"""The notebook is run, cell after cell, with small parameters in place of its own."""

import ast
import json
import os
from pathlib import Path
from typing import Any

import commands
import compiling
import numpy as np
import pytest
import runs

from colorflax.data.decode import decode

ROOT = Path(__file__).parent.parent
NOTEBOOK = json.loads((ROOT / "launch" / "colab.ipynb").read_text())
SMALL = [
    "--config=configs/simple.py", "--config.data.train_split=train",
    "--config.data.size=16", "--config.data.short_side=16",
    "--config.train.batch_size=4", "--config.train.log_every=1",
]  # fmt: skip


def _code() -> list[tuple[list[str], str]]:
    """Tags and source of each cell, without what only IPython understands."""
    found = []
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).split("\n")
            kept = [line for line in lines if not line.startswith("%pip install")]
            found.append((cell["metadata"].get("tags", []), "\n".join(kept)))
    return found


def _run(source: str, names: dict[str, Any]) -> Any:
    """As a notebook does: the value of a last line that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    return None


def test_nothing_is_left_in_it() -> None:
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_its_own_flags_are_a_run(tmp_path: Path) -> None:
    """It gets as far as looking for photographs, of which here are none."""
    names: dict[str, Any] = {}
    for tags, source in _code():
        if tags == ["parameters"]:
            _run(source, names)
    flags = [f"--workdir={tmp_path}", "--config.data.source=folder:/nowhere"]
    done = commands.run("colorflax.main", *names["FLAGS"], *flags)
    assert "/nowhere: no such folder" in commands.complaint(done)


def test_runs(
    photos: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XLA_FLAGS", compiling.devices(2)["XLA_FLAGS"])
    # With two devices each has more threads than with eight, and sums are split
    # otherwise. JAX does not see that, and would hand others programs that were
    # compiled here.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "")  # which it changes
    photo = Path(photos, "0.png")
    given = {
        "CLONE": str(ROOT), "CHECKPOINT": str(runs.untrained(tmp_path / "run")),
        "PHOTO": str(photo), "PHOTOS": photos, "SECONDS": 0, "FLAGS": SMALL,
    }  # fmt: skip
    names: dict[str, Any] = {}
    shown = []
    for tags, source in _code():
        value = _run(source, names)
        if tags == ["parameters"]:
            asked = {name for name in names if name.isupper()}
            assert asked == set(given)
            names |= given
        elif value is not None:
            shown.append(value)
    size = decode(photo).size
    assert [image.size for image in shown] == [size, size]
    assert not np.array_equal(*map(np.asarray, shown))
    for image, name in zip(shown, ("colored.png", "colored-mine.png"), strict=True):
        np.testing.assert_array_equal(decode(tmp_path / name), image)
    assert "stopped at step" in capsys.readouterr().out
    [step] = runs.steps(tmp_path / "runs" / "mine")
    assert 1 <= step < 1000
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
