"""One at a time; who it is; and nobody, once that process is gone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colorflax.disk import lock
from colorflax.errors import UserError

ROOT = Path(__file__).parent.parent


def test_the_holder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    with lock.hold(path, "--out"):
        for _ in range(2):  # being refused changes nothing
            with (
                pytest.raises(UserError, match=rf"process {os.getpid()} on .*--out"),
                lock.hold(path, "--out"),
            ):
                pass
    with lock.hold(path, "--out"):
        assert len(path.read_text().splitlines()) == 1


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from colorflax.disk import lock\n"
        "with lock.hold(Path(sys.argv[1]), '--out'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match=f"process {process.pid} on"),
            lock.hold(path, "--out"),
        ):
            pass
        process.send_signal(signal.SIGKILL)
    with lock.hold(path, "--out"):
        pass


def test_a_folder_that_cannot_be_written() -> None:
    with (
        pytest.raises(UserError, match=r"/proc/nowhere: .* name another --workdir"),
        lock.hold(Path("/proc/nowhere/lock"), "--workdir"),
    ):
        pass


def test_a_folder_is_held_and_stays_empty(tmp_path: Path) -> None:
    def again() -> None:
        with lock.hold_folder(tmp_path, "--out"):
            pass

    busy = pytest.raises(UserError, match=r"another run is at work here; .* --out")
    with lock.hold_folder(tmp_path, "--out"), busy:
        again()
    with lock.hold_folder(tmp_path, "--out"):
        assert not list(tmp_path.iterdir())
