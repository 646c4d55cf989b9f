"""What a person does with the page, and sees on it."""

import contextlib
import importlib.util
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colorflax.control.order import Hint

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
)


def missing(*libraries: str) -> str | None:
    """The first that is not installed."""
    names = (name for name in libraries if importlib.util.find_spec(name) is None)
    return next(names, None)


@contextlib.contextmanager
def opened() -> Iterator[Any]:
    """A page of Chromium; the test is skipped where there is none, or no Playwright."""
    if library := missing("playwright"):
        pytest.skip(f"{library} is not installed: pip install -e '.[browser]'")
    if _CHROMIUM is None:
        pytest.skip("no chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=_FLAGS.split()
        )
        page = browser.new_context().new_page()  # which may have others beside it
        page.set_default_timeout(60_000)
        yield page
        browser.close()


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


def drop(page: Any, where: str, file: Path) -> None:
    """As a hand does that brings a file from a folder; the browser may not open it."""
    page.evaluate(
        "([where, name, bytes]) => {"
        " const dataTransfer = new DataTransfer();"
        " dataTransfer.items.add(new File([new Uint8Array(bytes)], name));"
        " const how = {dataTransfer, bubbles: true, cancelable: true};"
        " for (const kind of ['dragover', 'drop'])"
        "  if (document.querySelector(where).dispatchEvent(new DragEvent(kind, how)))"
        "   throw kind + ': the browser leaves the page' }",
        [where, file.name, list(file.read_bytes())],
    )


def forgotten(page: Any) -> None:
    """From now on the server does not know the page, as one that was started anew."""

    def other(route: Any) -> None:
        asked = route.request
        body = asked.post_data and re.sub(
            r'(?<="session_hash":")', "x", asked.post_data
        )
        url = asked.url.replace("session_hash=", "session_hash=x")
        route.continue_(url=url, post_data=body)

    page.route("**/gradio_api/queue/**", other)


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
