"""A signal becomes an answer; a second one ends the process; nothing stays behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from colorflax import cli, signals
from colorflax.errors import Stopped

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)],
)
def test_a_signal_is_noted_once(number: signal.Signals, code: int) -> None:
    before = {n: signal.getsignal(n) for n in signal.valid_signals()}
    with signals.caught() as request:
        assert not request()
        os.kill(os.getpid(), number)
        assert request()
        assert request.code == code
    assert {n: signal.getsignal(n) for n in signal.valid_signals()} == before
    with signals.caught() as request:
        assert not request()


def test_a_second_signal_ends_the_process() -> None:
    code = (
        "import os, signal\n"
        "from colorflax import signals\n"
        "with signals.caught() as request:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print(request(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('alive', flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "True\n"
    assert done.returncode == -signal.SIGTERM


def test_outside_the_main_thread_nothing_is_caught() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def run() -> None:
        with signals.caught() as request:
            seen.append((request(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_command_exits_with_the_code_of_the_signal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(argv: object) -> None:
        raise Stopped("the work\nis saved", 75)

    with pytest.raises(SystemExit) as raised:
        cli._guarded(main, [])
    assert raised.value.code == 75
    assert capsys.readouterr().err == "colorflax: the work is saved\n"


def test_ctrl_c_while_libraries_are_read(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "colorflax.colorize", "a.jpg", f"--out={tmp_path}"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    maps = Path(f"/proc/{process.pid}/maps")
    while "jaxlib" not in maps.read_text():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert said == "colorflax: stopped\n"
    assert process.returncode in (130, -signal.SIGINT)
