"""The launcher of several processes on one machine, with processes that do little."""

import os
import signal
import sys
import threading
from pathlib import Path

import commands
import pytest

from launch import local


def _run(code: str, processes: int = 2) -> int:
    head = "import os, sys, time; i = int(os.environ['JAX_PROCESS_ID'])\n"
    return local.run([sys.executable, "-c", head + code], processes)


def test_each_is_told_who_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    names = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
    assert _run(f"print(*[os.environ[name] for name in {names}])", 3) == 0
    first, others = capfd.readouterr()
    place, *rest = first.split()
    assert place.startswith("127.0.0.1:")
    assert rest == ["3", "0"]
    assert sorted(others.splitlines()) == [f"[{i}] {place} 3 {i}" for i in (1, 2)]


def test_one_failure_stops_the_others() -> None:
    assert _run("sys.exit(7) if i else time.sleep(100)") == 7
    assert _run("sys.exit(0) if i else sys.exit(75)") == 75
    assert _run("time.sleep(100) if i else os.kill(os.getpid(), 9)") == 128 + 9


def test_flags_of_the_training_follow_two_dashes() -> None:
    done = commands.run("launch.local", "--processes=2", "--config=configs/simple.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "what colorflax.main is to get follows --" in commands.complaint(done)


def test_signals_reach_all(tmp_path: Path) -> None:
    code = f"""
import signal
def leave(*_):
    open(f"{tmp_path}/{{i}}.told", "w").close()
    sys.exit(75)
signal.signal(signal.SIGUSR1, leave)
open(f"{tmp_path}/{{i}}.ready", "w").close()
time.sleep(100)
"""

    def tell() -> None:
        while len(list(tmp_path.glob("*.ready"))) < 2:
            pause.wait(0.02)
        os.kill(os.getpid(), signal.SIGUSR1)

    pause = threading.Event()
    teller = threading.Thread(target=tell)
    teller.start()
    assert _run(code) == 75
    teller.join()
    assert len(list(tmp_path.glob("*.told"))) == 2
