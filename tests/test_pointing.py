"""Clicks on a small copy: which pixel, which colour, and where the rings are."""

import numpy as np
import pytest

from colorflax.control.order import Hint
from colorflax.errors import UserError
from colorflax.page import pointing

RNG = np.random.default_rng(0)
SIZES = [
    ((1024, 683), (1800, 1201)),
    ((1024, 213), (1060, 220)),
    ((767, 1024), (5000, 6673)),
    ((1024, 1), (4000, 3)),
    ((60, 40), (60, 40)),
    ((1, 1), (1, 1)),
]


@pytest.mark.parametrize(("shown", "size"), SIZES)
def test_a_click_is_a_pixel_of_the_photograph(
    shown: pointing.Size, size: pointing.Size
) -> None:
    (w, h), (wide, high) = shown, size
    assert pointing.place((0, 0), shown, size) == (0, 0)
    assert pointing.place((w, h), shown, size) == (wide - 1, high - 1)
    assert pointing.place((0, h), shown, size) == (0, high - 1)
    assert pointing.place((-1, h + 9), shown, size) == (0, high - 1)
    columns = [pointing.place((x, 0), shown, size)[0] for x in range(w + 1)]
    assert columns == sorted(columns)
    assert all(isinstance(x, int) for x in columns)


@pytest.mark.parametrize(("shown", "size"), SIZES)
def test_it_is_the_one_that_was_meant(
    shown: pointing.Size, size: pointing.Size
) -> None:
    """Browsers say which corner of a pixel of the copy was next to the click."""
    shares = RNG.uniform(0, 1, (500, 2))
    missed = []
    for share in shares:
        corner = np.floor(share * shown + 0.5).astype(int)
        found = pointing.place(corner.tolist(), shown, size)
        missed.append(np.array(found) - np.floor(share * size))
    ratio = np.array(size) / shown
    assert (np.abs(missed) <= ratio / 2 + 1).all()
    assert (np.abs(np.mean(missed, axis=0)) <= 0.1 * ratio + 0.5).all()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#c8a878", "#c8a878"),
        ("#C8A878", "#c8a878"),
        ("#c8a878ff", "#c8a878"),
        ("#fff", "#ffffff"),
        ("rgb(200, 168, 120)", "#c8a878"),
        ("rgba(199.6, 168.4, 120.0004, 1)", "#c8a878"),
        ("rgba(200,168,120,0.5)", "#c8a878"),
        ("rgb(255.4, 300, 0)", "#ffff00"),
        ("hsl(0, 100%, 50%)", "#ff0000"),
        ("tan", "#d2b48c"),
    ],
)
def test_colours_as_browsers_have_them(text: str, wanted: str) -> None:
    assert pointing.colour(text) == wanted


@pytest.mark.parametrize("text", ["", "reddish", "rgb(1, 2)", "rgba(,,,)", "rgb(.)"])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(UserError, match=r"is no colour; write #rrggbb, or a name"):
        pointing.colour(text)


def test_rings() -> None:
    """Around each point, also in a corner; what is inside and farther off is free."""
    copy = RNG.integers(0, 256, (300, 400, 3)).astype(np.uint8)
    former = copy.copy()
    hints = [Hint(0, 0, "tan"), Hint(1999, 1499, "tan"), Hint(1000, 500, "tan")]
    rings = pointing.marked(copy, (2000, 1500), hints)
    assert np.array_equal(copy, former)
    changed = (rings != copy).any(axis=2)
    y, x = np.mgrid[:300, :400] + 0.5
    far = np.min([np.hypot(x - a, y - b) for a, b in
                  ((0.1, 0.1), (399.9, 299.9), (200.1, 100.1))], axis=0)  # fmt: skip
    assert changed[(far > 3.5) & (far < 4.5)].mean() > 0.95
    assert not changed[far > 7].any()
    assert not changed[100, 200]
    assert np.array_equal(pointing.marked(copy, (2000, 1500), []), copy)
