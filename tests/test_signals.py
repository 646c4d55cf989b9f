"""A signal becomes an answer; a second one ends the process; nothing stays behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from colorflax import cli
from colorflax.errors import Stopped
from colorflax.machines import signals

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
        "from colorflax.machines import signals\n"
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


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: 9 bytes\nof 8")]
)
def test_full_memory_is_one_line(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: object) -> None:
        raise error

    with pytest.raises(SystemExit) as raised:
        cli._guarded(main, [])
    assert raised.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "memory" in line
    assert "--config.train.batch_size" in line


def test_other_errors_are_not_hidden() -> None:
    def main(argv: object) -> None:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        cli._guarded(main, [])


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [("colorize", "SIGTERM", 75), ("main", "SIGINT", 130), ("prior", "SIGUSR1", 75)],
)
def test_a_command_that_has_not_begun(
    tmp_path: Path, command: str, number: str, code: int
) -> None:
    """The signal comes while it imports its libraries, which it goes on to do."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'jaxlib':\n"
        "            sys.meta_path.remove(Finder)\n"
        f"            os.kill(os.getpid(), signal.{number})\n"
        "sys.meta_path.insert(0, Finder)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", f"colorflax.{command}", "a.jpg"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == "colorflax: stopped\n"
    assert done.returncode == code


@pytest.mark.parametrize(
    "flags", [["-m", "theirs"], ["-mtheirs"], ["-m", "theirs.run"]]
)
def test_a_library_leaves_signals_alone(tmp_path: Path, flags: list[str]) -> None:
    """Also where a package that imports it is run as a module."""
    (tmp_path / "theirs").mkdir()
    code = (
        "import signal\n"
        "before = [signal.getsignal(n) for n in signal.valid_signals()]\n"
        "import colorflax\n"
        "print(before == [signal.getsignal(n) for n in signal.valid_signals()])\n"
    )
    (tmp_path / "theirs/__init__.py").write_text(code)
    for name in ("__main__", "run"):
        (tmp_path / f"theirs/{name}.py").write_text("")
    done = subprocess.run(
        [sys.executable, *flags, "colorflax.png"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    assert done.stdout == "True\n", done.stderr


def test_work_is_interrupted() -> None:
    """At once, by the signals of a command; in what may not be, at its end."""
    before = {n: signal.getsignal(n) for n in signal.valid_signals()}
    steps = []

    def work() -> None:
        with signals.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("held")
        steps.append("not reached")

    with pytest.raises(signals.Interrupted) as raised, signals.interruptible():
        work()
    assert steps == ["held"]
    assert raised.value.code == 75
    with pytest.raises(signals.Interrupted) as raised, signals.interruptible():
        os.kill(os.getpid(), signal.SIGINT)
    assert raised.value.code == 130
    assert {n: signal.getsignal(n) for n in signal.valid_signals()} == before


def test_a_command_shows_its_own_lines_only() -> None:
    """Not what libraries log of failures which they raise, or which were raised."""
    code = (
        "import logging\n"
        "from colorflax import cli\n"
        "def main(argv):\n"
        "    for name in ('absl', 'asyncio', 'colorflax.test'):\n"
        "        logging.getLogger(name).error('of %s', name)\n"
        "cli.run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == "of colorflax.test\n"
