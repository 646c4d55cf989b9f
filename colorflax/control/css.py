"""Colours as people write them: #c8a878, tan."""

import numpy as np
from jaxtyping import Float
from PIL import ImageColor

from colorflax import color
from colorflax.errors import UserError


def ab(text: str, what: str) -> Float[np.ndarray, "2"]:
    """Its ab, whatever its lightness: a picture keeps its own.

    Args:
        text: as in CSS.
        what: for messages, whose colour it is.

    Raises:
        UserError: it is no colour.
    """
    try:
        rgb = np.array(ImageColor.getrgb(text)[:3], np.float32) / 255
    except ValueError:
        raise UserError(
            f"{what}: {text!r} is no colour; write #rrggbb, or a name such as tan"
        ) from None
    return np.asarray(color.rgb_to_lab(rgb))[1:]
