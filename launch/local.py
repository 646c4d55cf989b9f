"""Several processes on this machine, as on several machines.

    python -m launch.local --processes=2 -- --config=configs/simple.py \\
        --config.train.batch_size=2

Everything after `--` is given to colorflax.main in each process. The processes meet on
a free port of the loopback and share the CPU, or what JAX_PLATFORMS names. Process 0 is
shown as it is, and lines of the others behind their number. If one fails, the others
are stopped and its exit code is passed on.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO

from absl import app, flags

_PROCESSES = flags.DEFINE_integer("processes", 2, "number of processes", 1)

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_LAST_WORDS = 1.0  # seconds between one process's failure and stopping the others
_GRACE = 10.0  # seconds between asking a process to stop and killing it

Processes = list[subprocess.Popen[bytes]]


def run(command: Sequence[str], processes: int) -> int:
    """Run `command` in each process until all have ended, or one fails.

    Returns:
        0, or the exit code of the first to fail; 128 + N if signal N ended it.
    """
    place = f"127.0.0.1:{_free_port()}"
    shared = {"JAX_PLATFORMS": "cpu"} | os.environ
    shared |= {
        "JAX_COORDINATOR_ADDRESS": place,
        "JAX_COORDINATOR_BIND_ADDRESS": place,
        "JAX_NUM_PROCESSES": str(processes),
    }
    started: Processes = []
    relays: list[threading.Thread] = []
    try:
        with _forwarding(started):
            for i in range(processes):
                process = subprocess.Popen(
                    command,
                    env=shared | {"JAX_PROCESS_ID": str(i)},
                    stdout=subprocess.PIPE if i else None,
                    stderr=subprocess.STDOUT if i else None,
                    start_new_session=True,  # Ctrl-C reaches them through us only
                )
                started.append(process)
                if process.stdout is not None:
                    args = (f"[{i}] ", process.stdout)
                    relays.append(threading.Thread(target=_relay, args=args))
                    relays[-1].start()
            return _watch(started)
    finally:
        _stop(started)
        for relay in relays:
            relay.join()


def _watch(started: Processes) -> int:
    """Wait for the end of all, or for the first failure."""
    while None in (codes := [process.poll() for process in started]):
        if any(codes):
            _wait(started, _LAST_WORDS)
            break
        time.sleep(0.05)
    first = next((code for code in codes if code), 0)
    return first if first >= 0 else 128 - first


def _stop(started: Processes) -> None:
    for ask in (signal.SIGTERM, signal.SIGKILL):
        for process in started:
            if process.poll() is None:
                process.send_signal(ask)
        _wait(started, _GRACE)


def _wait(started: Processes, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with contextlib.suppress(subprocess.TimeoutExpired):
        for process in started:
            process.wait(max(0.0, deadline - time.monotonic()))


@contextlib.contextmanager
def _forwarding(started: Processes) -> Iterator[None]:
    """Signals to this process go to all of the started ones."""

    def forward(number: int, _: object) -> None:
        for process in started:
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _relay(prefix: str, lines: IO[bytes]) -> None:
    with lines:
        for line in lines:
            sys.stderr.write(prefix + line.decode(errors="replace"))
            sys.stderr.flush()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(argv: Sequence[str]) -> int:
    """Train with what follows the flags."""
    return run([sys.executable, "-m", "colorflax.main", *argv[1:]], _PROCESSES.value)


def _parse(argv: Sequence[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"{error}; what colorflax.main is to get follows --", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
