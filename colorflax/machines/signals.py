"""Signals that ask a run to stop become an answer that its loop can ask for."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


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

    def note(self, number: int, frame: FrameType | None) -> None:
        """A handler: this signal came; a second one ends the process at once."""
        self.signal = signal.Signals(number)
        for each in SIGNALS:
            if signal.getsignal(each) == self.note:
                signal.signal(each, signal.SIG_DFL)


class Interrupted(KeyboardInterrupt):
    """A signal where nobody asks; `code` is what to exit with."""

    def __init__(self, request: Request):
        super().__init__()
        self.code = request.code


_HELD = Request()


def hold() -> None:
    """A command begins: until its work is `interruptible`, signals are noted.

    Also those that came while they were blocked, as `hugepages` leaves them.
    """
    for each in SIGNALS:
        signal.signal(each, _HELD.note)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A signal raises `Interrupted`, also one that `hold` has noted."""
    request = Request()

    def interrupt(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number)
        raise Interrupted(request)

    with _handled(interrupt):
        if _HELD():
            raise Interrupted(_HELD)
        yield


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """A signal comes at the end; a second one ends the process at once."""
    with caught() as request:
        yield
    if request.signal:
        signal.raise_signal(request.signal)


@contextlib.contextmanager
def caught() -> Iterator[Request]:
    """SIGTERM, SIGUSR1 (what SLURM can send ahead) and SIGINT are noted, not obeyed.

    A second one is: it ends the process at once. Afterwards all is as it was. Outside
    the main thread, where Python lets nobody have signals, none is ever noted.
    """
    request = Request()
    with _handled(request.note):
        yield request


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {s: signal.signal(s, handler) for s in SIGNALS}
    try:
        yield
    finally:
        for each, was in before.items():
            # None is a handler that is not Python's, which cannot be put back.
            signal.signal(each, signal.SIG_DFL if was is None else was)
