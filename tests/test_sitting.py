"""A photograph at which the network looks once: what is shown, and what is written."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import runs
import sittings
from PIL import Image
from sittings import NAMES, WISH

from colorflax import predict
from colorflax.control.order import Hint, Wish
from colorflax.data.photographs import builtin
from colorflax.errors import UserError
from colorflax.page.sitting import COLOURS, CONFIDENCE, Sitting, need_small
from colorflax.workshop.studio import Studio


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("bins"), "classification")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sittings.photograph(tmp_path_factory.mktemp("photo"))


@pytest.mark.parametrize("also", ["", "hints", "reference"])
def test_the_files_are_the_commands(
    bins: Path, photo: Path, tmp_path: Path, also: str
) -> None:
    """Byte for byte; and what is shown is those, small."""
    lent = {"reference": str(sittings.lender(tmp_path)), "likeness": 0.75}
    hints = {"hints": (Hint(700, 100, "#a04020"), Hint(1059, 0, "#2040a0"))}
    more = {"": {}, "hints": hints, "reference": lent}[also]
    wish = dataclasses.replace(WISH, **more)
    sitting = Sitting(Studio(predict.load(bins), Wish()), photo, most_pixels=1e6)
    thumbs = dict(sitting.choices(wish))
    names = [COLOURS, "sample-1", "sample-2", CONFIDENCE]
    assert list(thumbs) == sitting.names(wish) == names
    wanted = sittings.colored(bins, photo, tmp_path / "out", wish)
    for which, named in zip(names, NAMES, strict=True):
        name, content = sitting.file(which, wish)
        assert name == named
        assert content == wanted[name]
        large = Image.open(io.BytesIO(content)).convert("RGB")
        for small in (sitting.show(which, wish), thumbs[which]):
            h, w = small.shape[:2]
            reduced = np.asarray(large.resize((w, h), Image.Resampling.LANCZOS))
            assert np.abs(small.astype(int) - reduced).mean() < 4, which
    plain = sitting.file(COLOURS, WISH)[1]
    assert (plain == wanted["old photo.png"]) == (not also)


def test_a_reference_may_not_be_larger_either(tmp_path: Path) -> None:
    lender = sittings.lender(tmp_path)
    with Image.open(lender) as image:
        pixels = float(image.width * image.height)
    assert need_small(lender, pixels) == "lender.png"
    with pytest.raises(UserError, match=r"^lender.png: .* more than the"):
        need_small(lender, pixels - 1)


def test_what_is_said_of_a_photograph(bins: Path, tmp_path: Path) -> None:
    """What of it will be lost, as the command says; and that it is no photograph."""
    studio = Studio(predict.load(bins), Wish())
    photo = builtin()[0].open(60)
    grey, w, h = photo.convert("L"), photo.width, photo.height
    grey.save(tmp_path / "pages.tif", save_all=True, append_images=[grey, grey])
    grey.convert("RGB").save(tmp_path / "toned.png")
    frames = {"save_all": True, "append_images": [photo.rotate(90)]}
    photo.save(tmp_path / "coloured.webp", lossless=True, **frames)
    for name, about in (
        ("pages.tif", "grey, the first of 3 pages, without the others"),
        ("toned.png", "grey"),
        (
            "coloured.webp",
            "has colours, which are replaced, the first of 2 pages, without the others",
        ),
    ):
        sitting = Sitting(studio, tmp_path / name, most_pixels=1e6)
        assert sitting.about == f"{w} x {h} px, 8 bits, {about}"


def test_one_look_many_settings(
    bins: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorizer = predict.load(bins)
    looks, run = [], colorizer._run
    monkeypatch.setattr(colorizer, "_run", lambda *a: looks.append(1) or run(*a))
    sitting = Sitting(Studio(colorizer, Wish()), photo, most_pixels=1e6)
    assert sitting.about == "1060 x 220 px, 8 bits, grey"
    assert sitting.before.shape == sitting.show(COLOURS, WISH).shape == (213, 1024, 3)
    assert [name for name, _ in sitting.choices(Wish())] == [COLOURS, CONFIDENCE]
    plain = sitting.show(COLOURS, Wish())
    for change in (
        {"temperature": 0.05}, {"saturation": 0.5}, {"tau": 1.0},
        {"hints": (Hint(9, 9, "red"),)},
    ):  # fmt: skip
        assert not np.array_equal(sitting.show(COLOURS, Wish(**change)), plain)
    other = dataclasses.replace(WISH, seed=1)
    before, after = (sitting.show("sample-1", wish) for wish in (WISH, other))
    assert not np.array_equal(before, after)
    assert len(looks) == 1


def test_a_click_sets_a_colour(bins: Path, photo: Path) -> None:
    """It is px of the photograph, and the ring is where the click was."""
    sitting = Sitting(Studio(predict.load(bins), Wish()), photo, most_pixels=1e6)
    hint = sitting.hint((512, 100), "rgba(160.2, 64, 32, 1)")
    assert hint == Hint(530, 103, "#a04020")
    shown = sitting.show(COLOURS, Wish(hints=(hint,)))
    changed = (sitting.marked(shown, [hint]) != shown).any(axis=2)
    for axis, middle in ((0, 512), (1, 100)):
        ring = np.flatnonzero(changed.any(axis=axis))
        assert abs((ring[0] + ring[-1] + 1) / 2 - middle) <= 1
    # The thing itself is that red, where the ring leaves it free.
    r, g, b = shown[100, 512].astype(int)
    assert r > g > b
    with pytest.raises(UserError, match="'reddish' is no colour"):
        sitting.hint((0, 0), "reddish")


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
