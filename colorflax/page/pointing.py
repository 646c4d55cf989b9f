"""A click on a small copy of a photograph becomes a colour set by hand.

Copies and photographs have the same edges, and so a place on one is that share of the
way between them on the other.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from colorflax.control import css
from colorflax.control.order import Hint

Size = tuple[int, int]
"""Width and height."""

_RING, _LINE = 1 / 96, 1 / 300  # of the longest side
_LEAST_RING, _LEAST_LINE = 4, 1.5  # px


def place(click: Sequence[int], shown: Size, size: Size) -> tuple[int, int]:
    """The pixel of a photograph that lies under a click on a copy of it.

    Args:
        click: the corner of a pixel of the copy, as Gradio has it: px from the left and
            the top edge, 0 to its width and height.
        shown: of the copy.
        size: of the photograph.
    """
    x, y = (
        int(min(max(at * whole / part, 0), whole - 1))
        for at, part, whole in zip(click, shown, size, strict=True)
    )
    return x, y


def colour(text: str) -> str:
    """#rrggbb of a colour as browsers have it: also with fractions, and see-through.

    Raises:
        UserError: it is none.
    """
    r, g, b = css.rgb(text)
    return f"#{r:02x}{g:02x}{b:02x}"


def marked(
    copy: UInt8[np.ndarray, "h w 3"], size: Size, hints: Sequence[Hint]
) -> UInt8[np.ndarray, "h w 3"]:
    """The copy with a ring around each point of a photograph of that size."""
    h, w = copy.shape[:2]
    radius = max(_LEAST_RING, _RING * max(h, w))
    line = max(_LEAST_LINE, _LINE * max(h, w))
    reach = radius + line + 1
    rings = copy.astype(np.float32)
    for hint in hints:
        x, y = (hint.x + 0.5) / size[0] * w, (hint.y + 0.5) / size[1] * h
        top, left = max(0, int(y - reach)), max(0, int(x - reach))
        near = rings[top : int(y + reach) + 1, left : int(x + reach) + 1]
        rows, columns = np.ogrid[: near.shape[0], : near.shape[1]]
        far = np.hypot(rows + top + 0.5 - y, columns + left + 0.5 - x)
        # White with black on both sides is seen on anything.
        for half, shade in ((line, 0), (line / 2, 255)):
            share = np.clip(half - np.abs(far - radius) + 0.5, 0, 1)[..., None]
            near += share * (shade - near)
    return rings.round().astype(np.uint8)
