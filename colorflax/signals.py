"""Signals that ask a run to stop become an answer that its loop can ask for."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Request:
    """Whether one of the signals came, and which."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    @property
    def code(self) -> int:
        """What a process exits with that saved its work and stopped.

        130 after Ctrl-C, as everywhere. 75 after another signal, or one to another
        process of the run: EX_TEMPFAIL, the same command again will go on.
        """
        return 130 if self.signal is signal.SIGINT else os.EX_TEMPFAIL


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C comes at the end; a second one ends the process at once."""
    with caught((signal.SIGINT,)) as request:
        yield
    if request():
        raise KeyboardInterrupt


@contextlib.contextmanager
def caught(which: Sequence[signal.Signals] = _SIGNALS) -> Iterator[Request]:
    """SIGTERM, SIGUSR1 (what SLURM can send ahead) and SIGINT are noted, not obeyed.

    A second one is: it ends the process at once. Afterwards all is as it was. Outside
    the main thread, where Python lets nobody have signals, none is ever noted.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number)
        for each in which:
            signal.signal(each, signal.SIG_DFL)

    before: dict[signal.Signals, Any] = {s: signal.signal(s, note) for s in which}
    try:
        yield request
    finally:
        for each, handler in before.items():
            # None is a handler that is not Python's, which cannot be put back.
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
