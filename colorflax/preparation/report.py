"""What an audit found: a table to read, a file to search, a picture to look at."""

import collections
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from colorflax.data.decode import decode
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.preparation.audit import FAILED, Verdict
from colorflax.preparation.measure import Measured

_NUMBERS = ("chroma", "spread", "colorfulness", "colors")
_CELL, _LINE, _COLUMNS, _ROWS = 120, 14, 8, 2  # px, px, cells across and per reason
_MEANING = {
    "": "ok",
    "download": "could not be downloaded",
    "corrupt": "cannot be decoded",
    "small": "too small",
    "aspect": "too long and thin",
    "greyscale": "greyscale",
    "sepia": "sepia or another tone",
    "pale": "hardly any colour",
    "graphics": "a drawing or chart",
    "duplicate": "the same file twice",
    "near": "nearly the same photograph",
}


def table(verdicts: Sequence[Verdict]) -> str:
    """How many of each kind, with their share."""
    count = collections.Counter(verdict.reason for verdict in verdicts)
    lines = [
        f"{count[reason]:>9,} {100 * count[reason] / len(verdicts):6.2f} %  {meaning}"
        for reason, meaning in _MEANING.items()
        if count[reason]
    ]
    return "\n".join([*lines, f"{len(verdicts):>9,}           all"])


def write_csv(
    path: Path,
    names: Sequence[str],
    measured: Sequence[Measured],
    verdicts: Sequence[Verdict],
) -> None:
    """One row per file: what it is, what became of it, and every number measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["file", "sha256", "width", "height", "verdict", "reason", "detail"]
    writer.writerow([*head, *_NUMBERS])
    for name, m, verdict in zip(names, measured, verdicts, strict=True):
        numbers = ["" if m.error else getattr(m, number) for number in _NUMBERS]
        sides = ["", ""] if m.error else [m.width, m.height]
        judged = [verdict.word, verdict.reason, verdict.detail]
        writer.writerow([name, m.sha256, *sides, *judged, *numbers])
    files.write(path, text.getvalue().encode())


def write_contact_sheet(
    path: Path,
    names: Sequence[str],
    paths: Sequence[Path],
    verdicts: Sequence[Verdict],
) -> None:
    """A JPEG of dropped photographs, a few rows per reason; none if none can be shown.

    Where there are more than fit, those shown are spread evenly over the list.
    """
    path.unlink(missing_ok=True)
    dropped = collections.defaultdict(list)
    for i, verdict in enumerate(verdicts):
        if verdict.reason and verdict.reason not in FAILED:
            dropped[verdict.reason].append(i)
    blocks = []
    for reason in (r for r in _MEANING if r in dropped):
        every = dropped[reason]
        shown = min(len(every), _COLUMNS * _ROWS)
        some = [every[k * len(every) // shown] for k in range(shown)]
        title = f"{_MEANING[reason]}: {len(every)}"
        cells = [(paths[i], Path(names[i]).name, verdicts[i].detail) for i in some]
        blocks.append(_block(title, cells))
    if not blocks:
        return
    sheet = Image.new("RGB", (_COLUMNS * _CELL, sum(b.height for b in blocks)), "white")
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    files.save(path, lambda file: sheet.save(file, "JPEG", quality=85))


def _block(title: str, cells: list[tuple[Path, str, str]]) -> Image.Image:
    rows = -(-len(cells) // _COLUMNS)
    high = _CELL + 2 * _LINE
    block = Image.new("RGB", (_COLUMNS * _CELL, 2 * _LINE + rows * high), "white")
    draw = ImageDraw.Draw(block)
    draw.text((4, 6), title, "black", font_size=_LINE)
    for k, (path, *captions) in enumerate(cells):
        x, y = k % _COLUMNS * _CELL, 2 * _LINE + k // _COLUMNS * high
        try:
            image = decode(path, 2 * _CELL)
        except UserError:
            continue  # gone since it was measured
        image.thumbnail((_CELL - 4, _CELL - 4))
        block.paste(image, (x + 2, y))
        for line, text in enumerate(captions):
            short = text if len(text) <= 20 else f"{text[:9]}...{text[-9:]}"
            place = (x + 2, y + _CELL - 2 + line * _LINE)
            draw.text(place, short, "black", font_size=_LINE - 4)
    return block
