"""Pillow's warnings are switched off while it decodes, in any number of threads."""

import contextlib
import ctypes
import functools
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any, cast

from PIL import _imaging

# Where nobody asked for logs, Python would print Pillow's complaints on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_inside = 0
_rule: Any = None
_handler: Any = None


@functools.cache
def _libtiff() -> Any:
    """Its function that takes a handler of errors and gives the one before.

    It is C, and prints on stderr what Pillow raises as well, in between our lines.
    """
    try:
        choose = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):  # a Pillow that hides it, or has none
        return lambda handler: None
    choose.restype, choose.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return choose


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore every warning that Pillow's own code gives, and what libtiff prints.

    `warnings.catch_warnings` saves and restores the rules of the whole process, so two
    threads undo each other's. Here the first thread to enter adds one rule, the last
    to leave takes it out, and no other rule is touched.
    """
    global _inside, _rule, _handler
    with _lock:
        _inside += 1
        if _inside == 1:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _rule = warnings.filters[0]
            _handler = _libtiff()(None)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _libtiff()(_handler)
                # Somebody else's catch_warnings may have taken it out before.
                if _rule in warnings.filters:
                    cast(list, warnings.filters).remove(_rule)
