"""What became of each file: told at once, and kept in a report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorflax import cli
from colorflax.data.photographs import passed_over
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.picture import FORMATS, MOST, Picture
from colorflax.workshop.album import Job
from colorflax.workshop.named import OTHER

_BEGIN = b'{\n "settings": {'
BY_HAND = "keeps the colours that were set by hand; --overwrite takes them away"
Row = dict[str, Any]
"""What became of a file: source, output, beside (files that belong to the output),
status (done, before, failed, skipped, or left for a run that goes on), reason, seconds
of work, width, height, bits a channel, kind (grey, toned or coloured; of what was
skipped, output or other), notes (sentences about what of the photograph is not in the
output)."""


def row(job: Job) -> Row:
    """That of a file that nothing has been done about."""
    return {
        "source": files.shown(job.source),
        "output": files.shown(job.target) if job.target else None,
        "beside": [files.shown(path) for path in job.beside],
        "status": "skipped" if job.skipped else "left",
        "reason": job.problem if job.skipped else "", "seconds": 0.0,
        "width": None, "height": None, "bits": None, "kind": job.skipped,
        "notes": [],
    }  # fmt: skip


def notes(
    kind: str, picture: Picture, target: Path, compared: bool = False
) -> list[str]:
    """What is lost when a picture of that kind becomes `target`, and is compared."""
    found = []
    if kind == "coloured":
        found.append("has colours, which are replaced")
    if picture.pages > 1:
        found.append(f"the first of {picture.pages} pages, without the others")
    if picture.alpha is not None and target.suffix == FORMATS["jpg"]:
        found.append("is transparent in places, which become white")
    most = MOST.get(target.suffix[1:])
    if compared and most and 2 * picture.size[0] > most:
        found.append(f"is wide; its comparison is scaled down to {most} px")
    return found


def tell(row: Row) -> None:
    """A line on stdout for what is done, on stderr for what is not."""
    if row["status"] == "failed":
        return cli.complain(row["reason"])
    if row["status"] in ("skipped", "left"):
        return None
    for note in row["notes"]:
        cli.complain(f"{row['source']}: {note}")
    note = " (done before)" if row["status"] == "before" else ""
    print(f"{row['source']} -> {row['output']}{note}", flush=True)


def tell_of_others(rows: Sequence[Row]) -> None:
    """A line on stderr about files that were not taken for photographs."""
    names = (Path(row["source"]) for row in rows if row["kind"] == OTHER)
    if others := passed_over(names):
        cli.complain(others)


def need_report(path: Path) -> None:
    """Raise `UserError` if there is something that a report may not be written over."""
    files.need_place(path, "--report", _BEGIN, "report")


def write(report: Path, settings: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """All rows as JSON, and the settings of them all.

    Raises:
        UserError: they cannot be written.
    """
    content = {"settings": settings, "files": rows}
    try:
        files.write(report, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        place = files.shown(report)
        raise UserError(
            f"--report={place}: cannot be written ({error.strerror or error})"
        ) from None
