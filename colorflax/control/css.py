"""Colours as people write them: #c8a878, tan."""

import numpy as np
from jaxtyping import Float
from PIL import ImageColor

from colorflax import color
from colorflax.errors import UserError


def rgb(text: str, what: str = "") -> tuple[int, ...]:
    """Its red, green and blue, 0 to 255.

    Args:
        text: as in CSS.
        what: for messages, whose colour it is.

    Raises:
        UserError: it is no colour.
    """
    try:
        return ImageColor.getrgb(text)[:3]
    except (ValueError, AttributeError, TypeError):  # or no text
        raise UserError(
            f"{what and f'{what}: '}{text!r} is no colour; write #rrggbb, or a name "
            "such as tan"
        ) from None


def ab(text: str, what: str) -> Float[np.ndarray, "2"]:
    """Its ab, whatever its lightness: a picture keeps its own. Else as `rgb`."""
    return np.asarray(color.rgb_to_lab(np.array(rgb(text, what), np.uint8)))[1:]
