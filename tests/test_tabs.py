"""Tabs of one browser that have the page open, and what is dropped on them."""

from collections.abc import Iterator
from pathlib import Path

import browsing
import pytest
import runs
import serving
import sittings
from PIL import Image


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    bins = runs.untrained(tmp_path_factory.mktemp("bins"), "classification")
    with serving.page(bins, tmp_path_factory.mktemp("place")) as url:
        yield url


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sittings.photograph(tmp_path_factory.mktemp("photo"))


def test_in_many_tabs(address: str, photo: Path, tmp_path: Path) -> None:
    """More than are kept in memory: who comes back to the first finds all as it was."""
    with browsing.opened() as page:
        page.goto(address)
        page.locator("#file input[type=file]").set_input_files(photo)
        plain = browsing.changed(page, "#pair", 1, None)
        page.get_by_role("tab", name="Set colours").click()
        browsing.changed(page, "#canvas", 0, None)
        browsing.click(page, 0.5, 0.5)
        page.locator("#points span").wait_for()
        for n in range(7):
            other = page.context.new_page()
            other.goto(address)
            file = tmp_path / f"{n}.png"
            Image.new("L", (40, 30 + n), 9).save(file)
            other.locator("#file input[type=file]").set_input_files(file)
            other.get_by_text(f"40 x {30 + n} px").wait_for()
            browsing.changed(other, "#pair", 1, None)
        page.get_by_role("tab", name="Compare").click()
        pointed = browsing.changed(page, "#pair", 1, plain)
        number = page.locator("#saturation input[type=number]")
        number.fill("0")
        grey = browsing.changed(page, "#pair", 1, pointed)
        number.fill("1")
        assert browsing.changed(page, "#pair", 1, grey) == pointed


def test_a_page_that_is_forgotten(address: str, photo: Path) -> None:
    """It says so; but not where there is no photograph."""
    with browsing.opened() as page:
        page.goto(address)
        page.locator("#file input[type=file]").set_input_files(photo)
        browsing.changed(page, "#pair", 1, None)
        number = page.locator("#saturation input[type=number]")
        with page.expect_event("requestfinished", lambda x: "queue/data" in x.url):
            page.locator("#file").get_by_label("Clear").click()
            number.fill("1.5")  # before it is gone
        page.locator("#pair img").first.wait_for(state="detached")
        assert not page.locator("#notice p").count()
        page.locator("#file input[type=file]").set_input_files(photo)
        browsing.changed(page, "#pair", 1, None)
        browsing.forgotten(page)
        gone = page.get_by_text("This photograph is no longer open: colorflax was")
        number.fill("0.5")
        page.locator("#notice").filter(has=gone).wait_for()
        page.locator("#save").click()
        page.locator(".toast-body").filter(has=gone).wait_for()


def test_dropped_beside_a_field(address: str, photo: Path, tmp_path: Path) -> None:
    """It is the photograph, also if there is one; the page does not go away."""
    with browsing.opened() as page:
        page.goto(address)
        page.locator("#file input[type=file]").wait_for(state="attached")
        page.wait_for_load_state("networkidle")
        browsing.drop(page, "#pair", photo)
        page.get_by_text("1060 x 220 px, 8 bits, grey").wait_for()
        other = tmp_path / "other.png"
        Image.new("L", (40, 30), 9).save(other)
        browsing.drop(page, "#file [aria-label=Clear]", other)
        page.get_by_text("40 x 30 px, 8 bits, grey").wait_for()
        browsing.drop(page, "#reference", sittings.lender(tmp_path))
        page.locator("#likeness").wait_for()
        assert page.get_by_text("40 x 30 px").is_visible()
