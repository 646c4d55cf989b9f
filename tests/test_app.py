"""The page: what is refused, and a browser that uses it."""

import dataclasses
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsing
import pytest
import runs
import serving
import sittings
from sittings import NAMES, WISH

from colorflax import app
from colorflax.errors import UserError

FIELD = "#preferred input, #preferred textarea"
TOO_LARGE = (
    "larger than the 1 MB that this page takes; the command colorflax.colorize takes "
    "larger ones"
)


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("bins"), "classification")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sittings.photograph(tmp_path_factory.mktemp("photo"))


def test_without_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gradio" not in sys.modules  # colorflax.app is imported above
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"needs Gradio.*pip install -e '\.\[app\]'"):
        app.main(["app"])


@pytest.fixture(scope="module")
def address(bins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving.page(bins, tmp_path_factory.mktemp("place")) as url:
        yield url


def _ask(url: str, content: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Status and text."""
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, content, headers))
        with answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_no_file_outside_and_no_stranger(address: str, tmp_path: Path) -> None:
    assert address.startswith("http://127.0.0.1:")
    secret = tmp_path / "secret.txt"
    secret.write_text("treasure")
    for route in ("file=", "file/"):
        assert _ask(f"{address}/gradio_api/{route}{secret}")[0] == 403
    assert _ask(address, Host="evil.example")[0] == 403
    status, text = _ask(f"{address}/config")
    assert status == 200
    config = json.loads(text)
    file, _ = [c["id"] for c in config["components"] if c["type"] == "file"]
    [upload] = [
        d["id"] for d in config["dependencies"] if [file, "upload"] in d["targets"]
    ]
    # As if it had been uploaded.
    claim = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    body = {"fn_index": upload, "data": [claim], "session_hash": "tester"}
    kind = {"Content-Type": "application/json"}
    joined = _ask(f"{address}/gradio_api/queue/join", json.dumps(body).encode(), **kind)
    problem = "not a file that was dropped on this page, or no longer here"
    assert joined == (403, f"{secret}: {problem}; drop the photograph again")
    part = b'--b\r\nContent-Disposition: form-data; filename="x.tif"\r\n\r\n'
    form = part + bytes(1_100_000) + b"\r\n--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    status, said = _ask(f"{address}/gradio_api/upload", form, **kind)
    assert (status, said) == (413, f"x.tif: {TOO_LARGE}")


def test_in_a_browser(address: str, bins: Path, photo: Path, tmp_path: Path) -> None:
    with browsing.opened() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        _drop(page, photo, tmp_path)
        _compare(page, sittings.colored(bins, photo, tmp_path / "plain"))
        _set_colours(page, bins, photo, tmp_path)
        _lend_colours(page, bins, photo, tmp_path)
    assert asked
    assert all(url.startswith((address, "data:", "blob:")) for url in asked), asked


def _drop(page: Any, photo: Path, tmp_path: Path) -> None:
    """What is no photograph, what is too large, and a photograph."""
    drop = page.locator("#file input[type=file]")
    drop.wait_for(state="attached")
    assert page.locator("#save").is_disabled()
    bad = tmp_path / "<b>notes.jpg"
    bad.write_text("hello")
    drop.set_input_files(bad)
    page.get_by_text("not a picture that can be read.").wait_for()
    page.locator("#file").get_by_label("Clear").click()
    large = tmp_path / "large.tif"
    large.write_bytes(bytes(30_000_000))
    drop.set_input_files(large)
    page.get_by_text(f"large.tif: {TOO_LARGE}").wait_for()
    drop.set_input_files(photo)
    page.get_by_text("1060 x 220 px, 8 bits, grey").wait_for()


def _compare(page: Any, colored: dict[str, bytes]) -> None:
    """Each setting changes the picture, and each choice is the command's file."""
    shown = browsing.changed(page, "#pair", 1, None)
    before = page.locator("#pair img").nth(0).get_attribute("src")
    assert before != shown
    for out_of_range in ("9", "-3", ""):  # and while it is typed
        page.locator("#saturation input[type=number]").fill(out_of_range)
        shown = browsing.changed(page, "#pair", 1, shown)
    assert not page.get_by_text("than maximum value").count()
    for knob in ("temperature", "saturation", "tau", "samples"):
        number = page.locator(f"#{knob} input[type=number]")
        number.fill(str(getattr(WISH, knob)))
        number.press("Enter")
        if knob != "samples":
            shown = browsing.changed(page, "#pair", 1, shown)
    page.wait_for_function(
        "document.querySelectorAll('#strip button.thumbnail-item').length == 4"
    )
    for i, (name, content) in enumerate(colored.items()):
        if i:
            browsing.choose(page, i)
            shown = browsing.changed(page, "#pair", 1, shown)
        assert browsing.download(page) == (name, content)


def _set_colours(page: Any, bins: Path, photo: Path, tmp_path: Path) -> None:
    """Two clicks, of which one is taken back; nothing is left to a new photograph."""
    page.get_by_role("tab", name="Set colours").click()
    # Of the map of confidence, which is chosen, these are the colours.
    none = browsing.changed(page, "#canvas", 0, None)
    for button in ("#back", "#clear"):
        assert page.locator(button).is_disabled()

    browsing.click(page, 0.25, 0.75)
    one = browsing.changed(page, "#canvas", 0, none)
    [hint] = browsing.points(page)
    assert abs(hint.x - 265) <= 2
    assert abs(hint.y - 165) <= 2
    assert hint.colour == "#d8a88c"
    page.locator("#colour button").click()
    page.locator("#colour .color-gradient").click(position={"x": 150, "y": 50})
    browsing.click(page, 0.75, 0.25)  # which closes the field of colours as well
    two = browsing.changed(page, "#canvas", 0, one)
    _, other = browsing.points(page)
    assert re.fullmatch("#[0-9a-f]{6}", other.colour)
    assert other.colour != hint.colour
    page.locator("#back").click()
    assert browsing.changed(page, "#canvas", 0, two) == one
    assert browsing.points(page) == [hint]

    hinted = dataclasses.replace(WISH, hints=(hint,))
    colored = sittings.colored(bins, photo, tmp_path / "hinted", hinted)
    shown = one
    for i, (name, content) in enumerate(colored.items()):
        browsing.choose(page, i)
        if 0 < i < 3:
            shown = browsing.changed(page, "#canvas", 0, shown)
        assert browsing.download(page) == (name, content)
    page.get_by_role("tab", name="Compare").click()
    sure = browsing.changed(page, "#pair", 1, None)
    browsing.choose(page, 0)
    # Had it rings as well, it would be the same picture at the same address.
    assert browsing.changed(page, "#pair", 1, sure) not in (one, none)
    page.get_by_role("tab", name="Set colours").click()
    page.locator("#clear").click()
    assert browsing.changed(page, "#canvas", 0, one) == none
    page.get_by_role("tab", name="Compare").click()
    assert browsing.changed(page, "#pair", 1, None) == none
    page.get_by_role("tab", name="Set colours").click()

    page.locator("#paint-leaf").click()
    page.locator("#colour button[style*='rgb(95, 127, 63)']").wait_for()
    for x in (0.4, 0.5, 0.6):  # faster than it can be shown
        browsing.click(page, x, 0.5)
    page.locator("#points span").nth(2).wait_for()
    assert {point.colour for point in browsing.points(page)} == {"#5f7f3f"}
    page.locator("#file").get_by_label("Clear").click()
    page.locator("#canvas img").wait_for(state="detached")
    page.locator("#file input[type=file]").set_input_files(photo)
    assert browsing.changed(page, "#canvas", 0, None) == none
    assert not browsing.points(page)


def _lend_colours(page: Any, bins: Path, photo: Path, tmp_path: Path) -> None:
    """By a grey photograph, which cannot, and by one with colours."""
    page.get_by_role("tab", name="Compare").click()
    none = browsing.changed(page, "#pair", 1, None)
    drop = page.locator("#reference input[type=file]")
    drop.set_input_files(photo)
    page.get_by_text("old photo.jpg is grey; take a photograph that has").wait_for()
    assert not page.locator("#likeness").is_visible()
    page.locator("#reference").get_by_label("Clear").click()
    lender = sittings.lender(tmp_path)
    drop.set_input_files(lender)
    half = browsing.changed(page, "#pair", 1, none)
    number = page.locator("#likeness input[type=number]")
    number.fill("0.75")
    number.press("Enter")
    more = browsing.changed(page, "#pair", 1, half)
    wish = dataclasses.replace(WISH, reference=str(lender), likeness=0.75)
    colored = sittings.colored(bins, photo, tmp_path / "lent", wish)
    assert browsing.download(page) == (NAMES[0], colored[NAMES[0]])
    preferred = _name_colours(page, bins, photo, tmp_path, more)
    drop.set_input_files(lender)
    again = browsing.changed(page, "#pair", 1, preferred)
    assert page.locator(FIELD).input_value() == ""
    page.locator("#reference").get_by_label("Clear").click()
    assert browsing.changed(page, "#pair", 1, again) == none


def _name_colours(page: Any, bins: Path, photo: Path, tmp_path: Path, lent: str) -> str:
    """One that is none, and two, which take the place of the reference."""
    field = page.locator(FIELD)
    complaint = page.get_by_text("palette: 'moss' is no colour; write #rrggbb")
    for mended in ("", "rgb(0, 0, 999), #c8a878"):
        field.fill("navy, moss")
        field.press("Enter")
        complaint.wait_for()
        assert not page.locator("#likeness").is_visible()
        none = browsing.changed(page, "#pair", 1, lent)
        field.fill(mended)
        field.blur()
        complaint.wait_for(state="detached")
    page.locator("#likeness input[type=number]").wait_for()
    preferred = browsing.changed(page, "#pair", 1, none)
    wish = dataclasses.replace(
        WISH, palette=("rgb(0, 0, 999)", "#c8a878"), likeness=0.75
    )
    colored = sittings.colored(bins, photo, tmp_path / "preferred", wish)
    assert browsing.download(page) == (NAMES[0], colored[NAMES[0]])
    return preferred
