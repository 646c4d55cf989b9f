"""Settings whose meaning, limits and default are written in one place.

A frozen dataclass made of these fields is what a function takes; a command turns the
same fields into flags.
"""

import dataclasses
from typing import Any


def option(
    default: Any,
    help: str,
    low: int | float | None = None,
    high: int | float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with a help text, inclusive bounds or the words allowed."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)
