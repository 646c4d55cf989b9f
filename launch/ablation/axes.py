"""Curves in a frame, drawn with Pillow: the same bytes wherever it is the same."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Curve = tuple[np.ndarray, np.ndarray]
"""x and y; what is not finite, or not positive on a log axis, is left out."""

# Okabe and Ito's, told apart by all eyes; beyond them, dashes.
_INKS = (
    "#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
    "#7F7F7F",
)  # fmt: skip
_WIDE, _HIGH, _LEFT, _TOP, _BELOW = 560, 360, 78, 40, 56
_LEGEND, _LINE = 230, 18
# Where the names of a curve's points stand, so that two curves' keep apart.
_BESIDE = (("lt", 7, 4), ("rb", -7, -4), ("lb", 7, -4))


def draw(
    title: str,
    across: str,
    up: str,
    curves: Mapping[str, Curve],
    *,
    log: bool = False,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Image.Image:
    """Curves with a legend.

    Args:
        title: above the frame.
        across, up: what the axes show, with units.
        curves: by their label, the first in black.
        log: whether y is drawn as its logarithm.
        names: of the points of a curve, by its label; they become dots.
    """
    size = _LEFT + _WIDE + _LEGEND, _TOP + max(_HIGH, _LINE * len(curves)) + _BELOW
    picture = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    shown = {name: _usable(*curve, log) for name, curve in curves.items()}
    xs = np.concatenate([x for x, _ in shown.values()] or [np.zeros(1)])
    ys = np.concatenate([y for _, y in shown.values()] or [np.zeros(1)])
    x_ticks, y_ticks = _ticks(xs), _ticks(ys, whole=log)
    pen.text((_LEFT, _TOP / 2), title, "black", ImageFont.load_default(14), "lm")
    for tick in x_ticks:
        at = float(_LEFT + _place(tick, x_ticks) * _WIDE)
        pen.line((at, _TOP, at, _TOP + _HIGH), "#E4E4E4")
        pen.text((at, _TOP + _HIGH + 6), f"{tick:g}", "black", font, "mt")
    for tick in y_ticks:
        at = float(_TOP + (1 - _place(tick, y_ticks)) * _HIGH)
        pen.line((_LEFT, at, _LEFT + _WIDE, at), "#E4E4E4")
        label = f"1e{tick:g}" if log else f"{tick:g}"
        pen.text((_LEFT - 6, at), label, "black", font, "rm")
    pen.rectangle((_LEFT, _TOP, _LEFT + _WIDE, _TOP + _HIGH), outline="black")
    pen.text((_LEFT + _WIDE / 2, _TOP + _HIGH + 34), across, "black", font, "mm")
    turned = Image.new("L", (_HIGH, 18))
    ImageDraw.Draw(turned).text((_HIGH / 2, 9), up, 255, font, "mm")
    turned = turned.rotate(90, expand=True)
    picture.paste("black", (6, _TOP), turned)
    for i, (name, (x, y)) in enumerate(shown.items()):
        ink, dashed = _INKS[i % len(_INKS)], i >= len(_INKS)
        across_px = _LEFT + _place(x, x_ticks) * _WIDE
        up_px = _TOP + (1 - _place(y, y_ticks)) * _HIGH
        points = np.stack([across_px, up_px], axis=1)
        _polyline(pen, points, ink, dashed)
        anchor, right, down = _BESIDE[i % len(_BESIDE)]
        for (x_px, y_px), text in zip(
            points.tolist(), (names or {}).get(name, ()), strict=False
        ):
            pen.circle((x_px, y_px), 4, ink)
            pen.text((x_px + right, y_px + down), text, ink, font, anchor)
        at = _TOP + _LINE * i + 9
        left = _LEFT + _WIDE + 12
        key = np.array([(left, at), (left + 24, at)])
        _polyline(pen, key, ink, dashed)
        pen.text((_LEFT + _WIDE + 42, at), name, "black", font, "lm")
    return picture


def below(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of any size, one below the other."""
    size = max(p.width for p in pictures), sum(p.height for p in pictures)
    sheet, y = Image.new("RGB", size, "white"), 0
    for picture in pictures:
        sheet.paste(picture, (0, y))
        y += picture.height
    return sheet


def _usable(x: np.ndarray, y: np.ndarray, log: bool) -> Curve:
    x, y = np.asarray(x, float), np.asarray(y, float)
    good = np.isfinite(y) & ((y > 0) | (not log))
    return x[good], np.log10(y[good]) if log else y[good]


def _ticks(values: np.ndarray, whole: bool = False) -> np.ndarray:
    """Some five round numbers from below the least to above the largest."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0, 1)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    step = 10 ** math.floor(math.log10(high - low))
    share = (high - low) / step
    step *= 0.2 if share < 2 else 0.5 if share < 4 else 1 if share < 8 else 2
    step = max(1.0, step) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return np.round(np.arange(first, last + 1) * step, 12)


def _place(value: np.ndarray | float, ticks: np.ndarray) -> np.ndarray:
    """0 at the first tick, 1 at the last."""
    return np.asarray((value - ticks[0]) / (ticks[-1] - ticks[0]))


def _polyline(
    pen: ImageDraw.ImageDraw, points: np.ndarray, ink: str, dashed: bool
) -> None:
    if len(points) == 1:
        pen.circle(tuple(points[0].tolist()), 4, ink)
    elif not dashed:
        pen.line([tuple(p) for p in points.tolist()], ink, 2)
    elif len(points):
        # Dashes of a fixed length along the curve, whatever its points.
        lengths = np.hypot(*np.diff(points, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(lengths)])
        for start in np.arange(0, along[-1], 9):
            ends = np.array([start, min(start + 5, along[-1])])
            x, y = (np.interp(ends, along, points[:, c]) for c in (0, 1))
            pen.line((x[0], y[0], x[1], y[1]), ink, 2)
