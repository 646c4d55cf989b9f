"""The 313 bins as a picture: what colours they are, and how often each occurs."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from colorflax.color import bins, gamut
from colorflax.color.lab import lab_to_rgb, to_uint8

_CELL = 18  # px per bin
_MARGIN = 56  # px, room for the labels of an axis
_LIMIT = 115  # ab units from grey to the frame
_L = 60.0  # lightness at which the bins' colours are shown
# Dark to light through four colours: as many decades are told apart in print too.
_RAMP = np.array([[13, 8, 60], [126, 3, 130], [236, 104, 72], [245, 240, 120]], float)


def draw(shares: Float[np.ndarray, "313"]) -> Image.Image:
    """Two ab planes side by side: the bins' colours, and log10 of their shares.

    a grows to the right and b upwards, as in most plots of the plane. A bin that never
    occurs is hollow.
    """
    side = 2 * _LIMIT * _CELL // 10
    wide = 2 * (_MARGIN + side) + 2 * _MARGIN
    picture = Image.new("RGB", (wide, side + 2 * _MARGIN), "white")
    pen = ImageDraw.Draw(picture)
    logs = np.log10(np.where(shares > 0, shares, np.nan))
    low, high = float(np.floor(np.nanmin(logs))), float(np.ceil(np.nanmax(logs)))
    high = max(high, low + 1)
    shades = shade((np.nan_to_num(logs, nan=low) - low) / (high - low))
    right = 2 * _MARGIN + side
    _plane(pen, _MARGIN, side, f"colour of each bin at L = {_L:g}")
    _squares(pen, _MARGIN, _colours(), np.ones(bins.COUNT, bool))
    _plane(pen, right, side, "log10 of each bin's share")
    _squares(pen, right, shades, shares > 0)
    _scale(pen, right + side + _MARGIN // 2, side, low, high)
    return picture


def _colours() -> np.ndarray:
    lab = np.concatenate([np.full((bins.COUNT, 1), _L), bins.CENTRES], axis=1)
    rgb = lab_to_rgb(gamut.fit(np.asarray(lab, np.float32)))
    return np.asarray(to_uint8(rgb))


def shade(level: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n 3"]:
    """A level from 0, dark, to 1, light, as a colour of the ramp."""
    stops = np.linspace(0, 1, len(_RAMP))
    shade = [np.interp(level, stops, _RAMP[:, c]) for c in range(3)]
    return np.stack(shade, axis=-1).round().astype(np.uint8)


def _squares(
    pen: ImageDraw.ImageDraw, left: int, colours: np.ndarray, filled: np.ndarray
) -> None:
    for (a, b), fill, solid in zip(bins.CENTRES, colours, filled, strict=True):
        x = left + (a + _LIMIT) * _CELL / 10 - _CELL / 2
        y = _MARGIN + (_LIMIT - b) * _CELL / 10 - _CELL / 2
        box = (x, y, x + _CELL - 1, y + _CELL - 1)
        if solid:
            pen.rectangle(box, fill=tuple(int(c) for c in fill))
        else:
            pen.rectangle(box, outline="lightgrey")


def _plane(pen: ImageDraw.ImageDraw, left: int, side: int, title: str) -> None:
    font = ImageFont.load_default(14)
    top, bottom = _MARGIN, _MARGIN + side
    pen.rectangle((left, top, left + side, bottom), outline="black")
    pen.text((left + side / 2, top / 2), title, "black", font, anchor="mm")
    for tick in range(-100, 101, 50):
        along = (tick + _LIMIT) * _CELL / 10
        pen.line((left + along, bottom, left + along, bottom + 5), "black")
        pen.text((left + along, bottom + 8), f"{tick}", "black", font, anchor="mt")
        pen.line((left - 5, bottom - along, left, bottom - along), "black")
        pen.text((left - 8, bottom - along), f"{tick}", "black", font, anchor="rm")
    pen.text((left + side / 2, bottom + 40), "a", "black", font, anchor="mm")
    pen.text((left - 44, top + side / 2), "b", "black", font, anchor="mm")


def _scale(
    pen: ImageDraw.ImageDraw, left: int, side: int, low: float, high: float
) -> None:
    font = ImageFont.load_default(14)
    for row in range(side + 1):
        ink = tuple(map(int, shade(np.array(1 - row / side))))
        pen.line((left, _MARGIN + row, left + 16, _MARGIN + row), ink)
    for decade in range(int(low), int(high) + 1):
        y = _MARGIN + side * (high - decade) / (high - low)
        pen.line((left + 16, y, left + 21, y), "black")
        pen.text((left + 25, y), f"{decade}", "black", font, anchor="lm")
