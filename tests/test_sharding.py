"""Two processes, one of which is asked to stop, stop at the same step."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import compiling
import jax

from colorflax.machines import sharding

ROOT = Path(__file__).parent.parent
LOOP = """
import sys
import jax
address, process = sys.argv[1:]
jax.distributed.initialize(address, 2, int(process))
from colorflax.machines import sharding, signals
with signals.caught() as request:
    asked, step = sharding.anywhere(request), 0
    while not asked():
        asked = sharding.anywhere(request)
        step += 1
        if step == 3:
            print("going", flush=True)
print(step, request.code, flush=True)
"""


def test_one_process_answers_for_itself() -> None:
    told = []
    asked = sharding.anywhere(lambda: bool(told))
    assert not asked()
    told.append(True)  # later than the question, in time for the answer
    assert asked()
    assert jax.process_count() == 1


def test_two_processes_stop_at_the_same_step() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOOP, address, str(i)],
            cwd=ROOT, env=compiling.devices(2), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for i in range(2)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout is not None
            while process.stdout.readline() != "going\n":  # Gloo has its say first
                assert process.poll() is None
        processes[1].send_signal(signal.SIGUSR1)
        said = [
            process.communicate(timeout=60)[0].split()[-2:] for process in processes
        ]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert said[0] == said[1]
    assert int(said[0][0]) >= 3
    assert said[0][1] == "75"
