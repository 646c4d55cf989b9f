"""Colours as people write them: #c8a878, tan, rgb(200, 168, 120)."""

import re

import numpy as np
from jaxtyping import Float
from PIL import ImageColor

from colorflax import color
from colorflax.errors import UserError

_NUMBER = r"([+-]?\d*\.?\d+(?:e[+-]?\d+)?)(%?)"
# Pillow knows neither fractions nor numbers below 0, nor that commas may be left out.
_RGB = [
    re.compile(
        rf"rgba?\(\s*{_NUMBER}{between}{_NUMBER}{between}{_NUMBER}"
        rf"(?:{last}{_NUMBER})?\s*\)",
        re.IGNORECASE,
    )
    for between, last in ((r"\s*,\s*", r"\s*,\s*"), (r"\s+", r"\s*/\s*"))
]
_LONGEST = 100  # characters of a colour


def rgb(text: str, what: str = "") -> tuple[int, int, int]:
    """Its red, green and blue, 0 to 255; of what is out of range, the nearest.

    Args:
        text: as in CSS.
        what: for messages, whose colour it is.

    Raises:
        UserError: it is no colour.
    """
    try:
        r, g, b = _function(text) or ImageColor.getrgb(text)[:3]
    except (ValueError, AttributeError, TypeError):  # or no text
        raise UserError(
            f"{what and f'{what}: '}{text!r} is no colour; write #rrggbb, or a name "
            "such as tan"
        ) from None
    return _whole(r), _whole(g), _whole(b)


def ab(text: str, what: str) -> Float[np.ndarray, "2"]:
    """Its ab, whatever its lightness: a picture keeps its own. Else as `rgb`."""
    return np.asarray(color.rgb_to_lab(np.array(rgb(text, what), np.uint8)))[1:]


def _function(text: str) -> list[float] | None:
    """What rgb() or rgba() says, if it is one: numbers or percentages, not both."""
    if len(text) > _LONGEST:
        return None
    match = _RGB[0].fullmatch(text) or _RGB[1].fullmatch(text)
    if match is None or len(set(match.groups()[1:6:2])) > 1:
        return None
    numbers = map(float, match.groups()[:6:2])
    return [x * 255 / 100 for x in numbers] if match[2] else list(numbers)


def _whole(value: float | int) -> int:
    return int(min(max(value, 0), 255) + 0.5)
