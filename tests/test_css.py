"""Colours as people write them, against what browsers make of them."""

import pytest

from colorflax.control import css
from colorflax.control.order import colours
from colorflax.errors import UserError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tan", (210, 180, 140)),
        ("#c8a87880", (200, 168, 120)),
        ("rgb(999, 0, 0)", (255, 0, 0)),
        ("rgb(1e9,0,0)", (255, 0, 0)),
        ("rgb(-5, 300.4, 12.5)", (0, 255, 13)),
        ("rgb(150%, -3%, 50%)", (255, 0, 128)),
        ("rgba(150%, 0%, .2%, 1)", (255, 0, 1)),
        ("rgb(200 168 120)", (200, 168, 120)),
        ("RGB( 200 168 120 / 50% )", (200, 168, 120)),
        ("hsl(15, 200%, 50%)", (255, 0, 0)),
        ("hsl(0, 0%, 300%)", (255, 255, 255)),
    ],
)
def test_what_is_out_of_range_is_the_nearest(
    text: str, wanted: tuple[int, int, int]
) -> None:
    assert css.rgb(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "moss", "rgb(1, 2)", "rgb(1 2 3 4)", "rgb(1, 2 3)", "rgb(1,, 2, 3)",
     "rgb(10%, 5, 3)", "rgb(nan, 0, 0)", "rgb(inf, 0, 0)", "rgb(1, 2, 3",
     "rgb(., 1, 2)", f"rgb({'1' * 200}, 0, 0)"],
)  # fmt: skip
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(UserError, match=r"^sky: .* is no colour; write #rrggbb, or a"):
        css.rgb(text, "sky")


def test_a_list_of_colours() -> None:
    listed = "navy, rgb(200, 168, 120),rgb(1 2 3),"
    found = ("navy", "rgb(200,168,120)", "rgb(1 2 3)")
    assert colours(listed.split(",")) == found
    assert colours(["rgb(1", "2"]) == ("rgb(1,2",)
    assert colours([]) == ()
