"""Pillow's warnings are switched off while it decodes, in any number of threads."""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any, cast

# Where nobody asked for logs, Python would print Pillow's complaints on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_inside = 0
_rule: Any = None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore every warning that Pillow's own code gives.

    `warnings.catch_warnings` saves and restores the rules of the whole process, so two
    threads undo each other's. Here the first thread to enter adds one rule, the last
    to leave takes it out, and no other rule is touched.
    """
    global _inside, _rule
    with _lock:
        _inside += 1
        if _inside == 1:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _rule = warnings.filters[0]
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            # Somebody else's catch_warnings may have taken it out before.
            if _inside == 0 and _rule in warnings.filters:
                cast(list, warnings.filters).remove(_rule)
