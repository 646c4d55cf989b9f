"""Memory in pages of 2 MB, which a training step on a CPU is a fifth faster with.

XLA takes a step's memory anew each time, hundreds of megabytes, and Linux hands out
each 4 KB of it at first touch. Where it gives larger pages to those who ask, glibc
asks if the environment says so when a process begins; so a command that trains begins
again. `GLIBC_TUNABLES=glibc.malloc.hugetlb=0` is how to have it otherwise.
"""

import os
import signal
import sys
from pathlib import Path

from colorflax.machines import signals

_KERNEL = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_VARIABLE, _TUNABLE = "GLIBC_TUNABLES", "glibc.malloc.hugetlb"


def begin_again() -> None:
    """Start this process's command anew with such memory, if that makes a difference.

    It stays the process that it is, number, files and all. Signals wait for
    `signals.hold`.
    """
    given = os.environ.get(_VARIABLE, "")
    if _TUNABLE in given or not sys.executable or not _to_be_had():
        return
    wanted = ":".join(filter(None, [given, f"{_TUNABLE}=1"]))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.SIGNALS)
    try:
        os.execve(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, _VARIABLE: wanted},
        )
    except OSError:  # an environment that is full, say: slower is no failure
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _to_be_had() -> bool:
    """Whether Linux gives them for the asking: not never, nor to everybody."""
    try:
        return "[madvise]" in _KERNEL.read_text()
    except OSError:
        return False
