"""A command that trains asks for large pages, once, and stays the process it is."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colorflax.machines import hugepages

ROOT = Path(__file__).parent.parent
_PROBE = """\
import os, signal, sys

def get_config():
    held = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    tunables = os.environ["GLIBC_TUNABLES"]
    print(os.getpid(), tunables, held, sys.orig_argv[1:], flush=True)
    sys.exit(3)
"""
_OTHER = "glibc.malloc.check=0"


def _begin(monkeypatch: pytest.MonkeyPatch, kernel: Path, given: str) -> dict[str, Any]:
    """What the process would begin again with; nothing if it does not."""
    begun: dict[str, Any] = {}

    def execve(program: str, words: list[str], env: dict[str, str]) -> None:
        begun.update(program=program, words=words, env=env)
        begun["blocked"] = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        raise OSError("in this test it goes on")

    monkeypatch.setattr(hugepages, "_KERNEL", kernel)
    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setenv("GLIBC_TUNABLES", given)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    hugepages.begin_again()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    return begun


@pytest.mark.parametrize("given", ["", _OTHER])
def test_asked_for_where_linux_gives_them_to_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str
) -> None:
    (tmp_path / "enabled").write_text("always [madvise] never\n")
    begun = _begin(monkeypatch, tmp_path / "enabled", given)
    assert begun["program"] == sys.executable
    assert begun["words"][1:] == sys.orig_argv[1:]
    wanted = [*filter(None, [given]), "glibc.malloc.hugetlb=1"]
    assert begun["env"].pop("GLIBC_TUNABLES").split(":") == wanted
    assert begun["env"].items() < os.environ.items()
    assert {signal.SIGTERM, signal.SIGUSR1, signal.SIGINT} <= begun["blocked"]


@pytest.mark.parametrize(
    ("kernel", "given"),
    [
        ("always [madvise] never", "glibc.malloc.hugetlb=1"),  # it has begun again
        ("always [madvise] never", f"{_OTHER}:glibc.malloc.hugetlb=0"),
        ("[always] madvise never", ""),
        ("always madvise [never]", ""),
        (None, ""),  # a kernel without them, or another system
    ],
)
def test_not_where_it_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kernel: str | None, given: str
) -> None:
    if kernel:
        (tmp_path / "enabled").write_text(kernel)
    assert not _begin(monkeypatch, tmp_path / "enabled", given)


@pytest.mark.parametrize("interpreter", [[], ["-X", "dev", "-W", "ignore"]])
def test_the_command_stays_what_it_is(tmp_path: Path, interpreter: list[str]) -> None:
    """Number, words and signals; on this machine, whatever it gives."""
    (tmp_path / "probe.py").write_text(_PROBE)
    words = [*interpreter, "-m", "colorflax.main", f"--config={tmp_path}/probe.py"]
    env = {**os.environ, "GLIBC_TUNABLES": _OTHER}
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        said, _ = process.communicate()
    assert process.returncode == 3
    tunables = f"{_OTHER}:glibc.malloc.hugetlb=1" if hugepages._to_be_had() else _OTHER
    assert said == f"{process.pid} {tunables} [] {words}\n"


def test_a_signal_that_comes_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """Blocked, as it is while a command begins again; then it ends it as ever."""
    code = (
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'colorflax.main'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == os.EX_TEMPFAIL
    assert done.stderr == "colorflax: stopped\n"
