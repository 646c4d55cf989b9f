"""What a run set out to do, fixed before its first shard is written.

Shards of one folder must come from one list of photographs and one set of flags. The
plan remembers both; a run that continues another must agree with it.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.preparation import audit

_LIBRARIES = {"pillow": "Pillow"}  # among the flags, for what they encode


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """One preparation.

    Attributes:
        settings: every flag that changes what is written.
        files: each file's name and the hash of what it holds, "" if it failed.
        failed: why a download failed, by address; tried again by --refresh alone.
        counts: files by verdict.
        kept: the hash and name of each photograph to write, in order.
    """

    settings: dict[str, Any]
    files: dict[str, str]
    failed: dict[str, str]
    counts: dict[str, int]
    kept: list[tuple[str, str]]

    @property
    def sound(self) -> bool:
        """Whether every file could be had and decoded."""
        return not any(self.counts.get(reason) for reason in audit.FAILED)

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        files.write(path, json.dumps(dataclasses.asdict(self)).encode())

    def compare(self, settings: dict[str, Any], found: dict[str, str | None]) -> None:
        """Refuse to go on with another list or other flags.

        Args:
            settings: those of now.
            found: name and hash of each file of now; None for a hash not looked at.

        Raises:
            UserError: names the differences.
        """
        differences = [
            f"{_LIBRARIES.get(name) or f'--{name}'} was {self.settings.get(name)} "
            f"and is {settings.get(name)}"
            for name in self.settings | settings
            if self.settings.get(name) != settings.get(name)
        ]
        new = [name for name in found if name not in self.files]
        gone = [name for name in self.files if name not in found]
        changed = [
            name
            for name, sha256 in found.items()
            if sha256 is not None and self.files.get(name, sha256) != sha256
        ]
        for word, names in (("new", new), ("gone", gone), ("changed", changed)):
            if names:
                first = f"{names[0]} is {word}"
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                differences.append(first + more)
        if differences:
            raise UserError(
                "this --out was begun with other photographs or flags: "
                f"{'; '.join(differences)}; undo that, give --refresh to make the "
                "records anew, or name another --out"
            )


def read(path: Path) -> Plan | None:
    """The plan of an earlier run, if it came as far as having one.

    Raises:
        UserError: there is one, but it cannot be read.
    """
    try:
        entries = dict(json.loads(path.read_bytes()))
        kept = [(sha256, name) for sha256, name in entries.pop("kept")]
        return Plan(**entries, kept=kept)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: a damaged plan ({error}); delete this --out or name another"
        ) from None
