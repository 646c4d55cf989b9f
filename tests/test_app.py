"""The page: what is shown and downloaded, what is refused, a browser that uses it."""

import dataclasses
import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import numpy as np
import pytest
import runs
from PIL import Image

from colorflax import app, predict
from colorflax.data.photographs import builtin
from colorflax.errors import UserError
from colorflax.order import Wish
from colorflax.sitting import COLOURS, CONFIDENCE, Sitting
from colorflax.workshop.studio import Studio

ROOT = Path(__file__).parent.parent
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update"
)
TOO_LARGE = (
    "larger than the 1 MB that this page takes; the command colorflax.colorize takes "
    "larger ones"
)
WISH = Wish(temperature=0.5, saturation=1.25, tau=0.5, samples=2)


def _missing(*libraries: str) -> str | None:
    """The first that is not installed."""
    names = (name for name in libraries if importlib.util.find_spec(name) is None)
    return next(names, None)


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("bins"), "classification")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey, a JPEG with EXIF, larger than what is shown of it."""
    path = tmp_path_factory.mktemp("photo") / "old photo.jpg"
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    image = builtin()[0].open().convert("L").resize((1060, 220))
    image.save(path, exif=exif)
    return path


@pytest.fixture(scope="module")
def colored(bins: Path, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command makes of it, with WISH and a confidence map."""
    out = tmp_path_factory.mktemp("colored")
    flags = [f"--{name}={getattr(WISH, name)}" for name in
             ("temperature", "saturation", "tau", "samples")]  # fmt: skip
    done = commands.run(
        "colorflax.colorize", f"--checkpoint={bins}", f"--out={out}", "--confidence",
        *flags, photo,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_one_look_many_settings(
    bins: Path, photo: Path, colored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are the command's, byte for byte; what is shown is those, small."""
    colorizer = predict.load(bins)
    looks, run = [], colorizer._run
    monkeypatch.setattr(colorizer, "_run", lambda *a: looks.append(1) or run(*a))
    sitting = Sitting(Studio(colorizer, Wish()), photo, most_pixels=1e6)
    assert sitting.about == "1060 x 220 px, 8 bits, grey"
    names = [COLOURS, "sample-1", "sample-2", CONFIDENCE]
    thumbs = dict(sitting.choices(WISH))
    assert list(thumbs) == sitting.names(WISH) == names
    for which in names:
        name, content = sitting.file(which, WISH)
        middle = "" if which == COLOURS else f".{which}"
        assert name == f"old photo{middle}.png"
        assert content == (colored / name).read_bytes()
        large = Image.open(io.BytesIO(content)).convert("RGB")
        for small in (sitting.show(which, WISH), thumbs[which]):
            h, w = small.shape[:2]
            wanted = np.asarray(large.resize((w, h), Image.Resampling.LANCZOS))
            assert np.abs(small.astype(int) - wanted).mean() < 4, which
    assert sitting.before.shape == sitting.show(COLOURS, WISH).shape == (213, 1024, 3)
    assert [name for name, _ in sitting.choices(Wish())] == [COLOURS, CONFIDENCE]
    plain = sitting.show(COLOURS, Wish())
    for change in ({"temperature": 0.05}, {"saturation": 0.5}, {"tau": 1.0}):
        assert not np.array_equal(sitting.show(COLOURS, Wish(**change)), plain)
    other = dataclasses.replace(WISH, seed=1)
    before, after = (sitting.show("sample-1", wish) for wish in (WISH, other))
    assert not np.array_equal(before, after)
    assert len(looks) == 1


def test_what_is_not_taken_and_what_means_nothing(tmp_path: Path, photo: Path) -> None:
    studio = Studio(predict.load(runs.untrained(tmp_path / "run")), Wish())
    sitting = Sitting(studio, photo, most_pixels=1060 * 220.0)
    assert sitting.names(Wish(samples=3)) == [COLOURS]
    with pytest.raises(UserError, match=r"^old photo.jpg: 0.2 megapixels, more than"):
        Sitting(studio, photo, most_pixels=1060 * 219.9)
    bad = tmp_path / "notes.jpg"
    bad.write_text("hello")
    with pytest.raises(UserError, match=r"^notes.jpg: not a picture"):
        Sitting(studio, bad, most_pixels=1e6)


def test_without_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gradio" not in sys.modules  # colorflax.app is imported above
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(UserError, match=r"needs Gradio.*pip install -e '\.\[app\]'"):
        app.main(["app"])


@pytest.fixture(scope="module")
def address(bins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, served; Ctrl-C ends it and leaves nothing."""
    if missing := _missing("gradio"):
        pytest.skip(f"{missing} is not installed: pip install -e '.[app]'")
    place = tmp_path_factory.mktemp("place")
    process = subprocess.Popen(
        [sys.executable, "-m", "colorflax.app", f"--checkpoint={bins}", "--port=0",
         "--max_megapixels=1", "--max_megabytes=1"],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(place)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said == "colorflax: stopped\n"  # and no traceback of what was refused
    assert not list(place.glob("colorflax-page-*"))


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
    [file] = [c["id"] for c in config["components"] if c["type"] == "file"]
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


def test_in_a_browser(address: str, photo: Path, colored: Path, tmp_path: Path) -> None:
    if missing := _missing("playwright"):
        pytest.skip(f"{missing} is not installed: pip install -e '.[browser]'")
    if BROWSER is None:
        pytest.skip("no chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=FLAGS.split()
        )
        _use(browser.new_page(), address, photo, colored, tmp_path)
        browser.close()


def _use(page: Any, address: str, photo: Path, colored: Path, tmp_path: Path) -> None:
    """As a person would."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(60_000)
    page.goto(address)
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

    def after(former: str | None) -> str:
        """The address of the picture on the right, once it is another."""
        page.wait_for_function(
            "old => { const x = document.querySelectorAll('#pair img')[1];"
            " return x && x.complete && x.naturalWidth && x.src !== old }",
            arg=former,
        )
        return page.locator("#pair img").nth(1).get_attribute("src")

    shown = after(None)
    before = page.locator("#pair img").nth(0).get_attribute("src")
    assert before != shown
    for knob, value in (
        ("temperature", 0.5),
        ("saturation", 1.25),
        ("tau", 0.5),
        ("samples", 2),
    ):
        number = page.locator(f"#{knob} input[type=number]")
        number.fill(str(value))
        number.press("Enter")
        if knob != "samples":
            shown = after(shown)
    strip = page.locator("#strip button.thumbnail-item")
    page.wait_for_function(
        "document.querySelectorAll('#strip button.thumbnail-item').length == 4"
    )

    def download() -> tuple[str, bytes]:
        with page.expect_download() as coming:
            page.locator("#save").click()
        return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()

    for i, name in enumerate(
        ("old photo.png", "old photo.sample-1.png", "old photo.sample-2.png",
         "old photo.confidence.png")
    ):  # fmt: skip
        if i:
            strip.nth(i).click()
            shown = after(shown)
        assert download() == (name, (colored / name).read_bytes())
    assert asked
    assert all(url.startswith((address, "data:", "blob:")) for url in asked), asked
