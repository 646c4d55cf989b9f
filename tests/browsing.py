"""What a person does with the page, and sees on it."""

from pathlib import Path
from typing import Any

from colorflax.control.order import Hint


def changed(page: Any, where: str, number: int, former: str | None) -> str:
    """The address of a picture, once it is another."""
    page.wait_for_function(
        "([where, number, old]) => {"
        " const x = document.querySelectorAll(where + ' img')[number];"
        " return x && x.complete && x.naturalWidth && x.src !== old }",
        arg=[where, number, former],
    )
    return page.locator(f"{where} img").nth(number).get_attribute("src")


def choose(page: Any, number: int) -> None:
    """One of the strip, until it is shown as chosen."""
    strip = page.locator("#strip button.thumbnail-item")
    strip.nth(number).click()
    page.wait_for_function(
        "number => document.querySelectorAll('#strip button.thumbnail-item')[number]"
        ".classList.contains('selected')",
        arg=number,
    )


def click(page: Any, x: float, y: float) -> None:
    """At a share of the picture, which is as wide as its field and in its middle."""
    box = page.locator("#canvas img").bounding_box()
    height = box["width"] / 1024 * 213
    top = (box["height"] - height) / 2
    page.locator("#canvas img").click(
        position={"x": x * box["width"], "y": top + y * height}
    )


def points(page: Any) -> list[Hint]:
    """Those that the page says are set."""
    found = []
    for point in page.locator("#points span").all():
        x, y = point.inner_text().split(",")
        style = point.locator("i").get_attribute("style")
        found.append(Hint(int(x), int(y), style.removeprefix("background: ")))
    return found


def download(page: Any) -> tuple[str, bytes]:
    with page.expect_download() as coming:
        page.locator("#save").click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()
