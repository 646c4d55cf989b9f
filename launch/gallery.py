"""Photographs as a checkpoint colours them, on one sheet, not picked by hand.

    python -m launch.gallery --checkpoint=RUN --out=sheet.jpg
    python -m launch.gallery --checkpoint=RUN --photos=folder:old --out=old.jpg

Photographs are drawn by --seed from the validation photographs of the run, or from all
of --photos; with --worst they are those with the largest error. Each is shown grey,
coloured and, if it has colours of its own, in the original.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageOps

from colorflax import cli, color, config, predict
from colorflax.data.photographs import Photograph
from colorflax.disk import files
from colorflax.picture import tint
from launch import candidates

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "a run; default: the bundled network"
)
_PHOTOS = flags.DEFINE_string(
    "photos", None, "photographs to use, as in folder:DIR; default: the validation "
    "photographs of the --checkpoint",
)  # fmt: skip
_NAMES = flags.DEFINE_string("names", "*", "only photographs of such names")
_COUNT = flags.DEFINE_integer("count", 12, "number of photographs", 1)
_COLUMNS = flags.DEFINE_integer("columns", 2, "photographs in a row", 1)
_SEED = flags.DEFINE_integer("seed", 0, "random seed of the photographs", 0)
_WORST = flags.DEFINE_boolean("worst", False, "show the largest squared errors")
_TAU = flags.DEFINE_float("tau", None, "as for colorize")
_TEMPERATURE = flags.DEFINE_float("temperature", None, "as for colorize")
_SIDE = flags.DEFINE_integer("side", 160, "px, the longest side of each", 16)
_OUT = flags.DEFINE_string("out", "gallery.jpg", "JPEG file")

_GAP = 4


def main(argv: Sequence[str]) -> None:
    """Choose, colour, and put side by side."""
    cli.need_no_arguments(argv)
    colorizer = predict.load(_CHECKPOINT.value)
    settings = config.parse(colorizer.saved.about["config"]).data
    photos = candidates.find(settings, _PHOTOS.value, _NAMES.value)
    order = np.random.default_rng(_SEED.value).permutation(len(photos))
    drawn = order if _WORST.value else order[: _COUNT.value]
    rows = [_row(colorizer, photos[int(i)]) for i in drawn]
    if _WORST.value:
        rows = sorted(rows, key=lambda row: -row.error)[: _COUNT.value]
    sheet = _sheet([row.pictures for row in rows])
    out = files.local(_OUT.value)
    files.save(out, lambda file: sheet.save(file, "JPEG", quality=88))
    for row in rows:
        print(f"{row.name}: MSE {row.error:.5f} (ab/127)^2")
    print(f"{len(rows)} of {len(photos)}, row by row: {out}")


class _Row(NamedTuple):
    name: str
    pictures: list[Image.Image]  # grey, coloured and perhaps the truth
    error: float


def _row(colorizer: predict.Colorizer, photo: Photograph) -> _Row:
    rgb = np.asarray(ImageOps.contain(photo.open(), (_SIDE.value,) * 2))
    said = colorizer.look(rgb)
    made = said.picture(temperature=_TEMPERATURE.value, tau=_TAU.value)
    grey = said.picture(saturation=0.0)
    lab = [np.asarray(color.rgb_to_lab(x)) for x in (made, rgb)]
    error = np.square((lab[0] - lab[1])[..., 1:] / 127).mean()
    shown = [grey, made, rgb] if tint.kind(rgb) == "coloured" else [grey, made]
    return _Row(photo.read().name, [Image.fromarray(x) for x in shown], float(error))


def _sheet(rows: list[list[Image.Image]]) -> Image.Image:
    side, wide = _SIDE.value + _GAP, max(map(len, rows))
    columns = min(_COLUMNS.value, len(rows))
    step = wide * side + 3 * _GAP
    size = columns * step - 3 * _GAP, -(-len(rows) // columns) * side
    sheet = Image.new("RGB", size, "white")
    for n, pictures in enumerate(rows):
        left, top = n % columns * step, n // columns * side
        for x, picture in enumerate(pictures):
            at = (
                left + x * side + (_SIDE.value - picture.width) // 2,
                top + (_SIDE.value - picture.height) // 2,
            )
            sheet.paste(picture, at)
    return sheet


if __name__ == "__main__":
    cli.run(main)
