"""Work on many files at once, results in order, and how far it has come."""

import collections
import concurrent.futures
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import tqdm

T = TypeVar("T")
R = TypeVar("R")

_log = logging.getLogger(__name__)
_PERIOD = 10.0  # s between lines where there is no terminal


def ordered(
    function: Callable[[T], R],
    items: Iterable[T],
    threads: int,
    ahead: int = 4,
    over: threading.Event | None = None,
) -> Iterator[R]:
    """`map` on threads; at most `ahead` results per thread wait to be taken.

    The first exception ends it, what has not begun is not begun, and `over` is set for
    what has begun and would take long.
    """
    rest = iter(items)
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        waiting = collections.deque(
            pool.submit(function, item)
            for item in itertools.islice(rest, ahead * threads)
        )
        while waiting:
            result = waiting.popleft().result()
            for item in itertools.islice(rest, 1):
                waiting.append(pool.submit(function, item))
            yield result
    finally:
        if over is not None:
            over.set()
        pool.shutdown(cancel_futures=True)


def track(items: Iterable[T], total: int, what: str, done: int = 0) -> Iterator[T]:
    """The items, with a bar on a terminal and a line now and then elsewhere.

    Args:
        items: what is still to come.
        total: all there are, those of earlier runs counted.
        what: a word or two for the beginning of the line.
        done: how many earlier runs have finished.
    """
    if sys.stderr.isatty():
        yield from tqdm.tqdm(items, what, total, initial=done, leave=False)
        return
    start = last = time.monotonic()
    for n, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= _PERIOD:
            last = now
            rate = n / (now - start)
            left = (total - done - n) / rate
            line = "%s: %d of %d, %.1f a second, about %d:%02d:%02d to go"
            clock = (int(left) // 3600, int(left) // 60 % 60, int(left) % 60)
            _log.info(line, what, done + n, total, rate, *clock)
