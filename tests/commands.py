"""Commands of colorflax, in processes that need not import its libraries again.

A server has imported them and forks for each command, which spares three seconds of
every test of a command line. What is run is `python -m MODULE` in all else.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["jax", "flax.linen", "optax", "orbax.checkpoint", "grain", "PIL.Image"]
)


def run(
    module: str,
    *arguments: object,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE ARGUMENTS`; `env` in place of this environment."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder, name) for name in ("out", "err"))
        child = _SERVER.Process(
            target=_child, args=(module, words, dict(env or os.environ), cwd, out, err)
        )
        child.start()
        child.join()
        code = child.exitcode
        assert code is not None
        return subprocess.CompletedProcess(
            [module, *words], code, out.read_text(), err.read_text()
        )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that could not be done said about it: one line."""
    assert done.returncode in (1, 2)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def _child(
    module: str,
    words: Sequence[str],
    env: dict[str, str],
    cwd: Path,
    out: Path,
    err: Path,
) -> None:
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    # What this process was started with, it would not flush into the new files.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path.insert(0, str(ROOT))
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
