"""A ConfigDict becomes the frozen, checked dataclasses of `settings`.

Reading a config has no side effects. What is misspelt, missing, of the wrong type or
impossible in combination is a `UserError` of one line, raised before any data is read
or anything is compiled.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from ml_collections import ConfigDict

from colorflax.config import rules
from colorflax.config.settings import Config
from colorflax.errors import UserError


def parse(values: Mapping[str, Any] | ConfigDict) -> Config:
    """A ConfigDict or nested dictionaries -> a checked `Config`."""
    config: Config = _parse(Config, values, "config")
    rules.check(config)
    return config


def _parse(kind: type, values: Any, path: str) -> Any:
    if not isinstance(values, Mapping | ConfigDict):
        raise UserError(f"{path} should hold keys and values, not {values!r}")
    given = dict(values.items())
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in given:
        if name not in fields:
            raise UserError(
                f"{path}.{name} is not a known setting; {path} has {', '.join(fields)}"
            )
    for name, field in fields.items():
        # A default is for a setting younger than some checkpoint that is still read.
        if name not in given and field.default is dataclasses.MISSING:
            raise UserError(f"{path}.{name} is missing from the config")
    return kind(**{n: _value(fields[n].type, given[n], f"{path}.{n}") for n in given})


def _value(kind: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _parse(kind, value, path)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            choices = " or ".join(map(str, get_args(kind)))
            raise UserError(f"{path} should be {choices}, not {value!r}")
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UserError(f"{path} should be {kind.__name__}, not {value!r}")
    return value
