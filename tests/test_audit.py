"""The audit: each kind of useless picture is found, and good photographs stay."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
import skimage.color
from PIL import Image, ImageDraw

from colorflax.data import journal, measure, photographs, report
from colorflax.data.audit import Thresholds, judge
from colorflax.data.duplicates import near_duplicates, pairs
from colorflax.data.measure import Measured

RNG = np.random.default_rng(0)


def _builtin(name: str) -> Path:
    return next(p.path for p in photographs.builtin() if p.path.name == name)


@pytest.fixture(scope="module")
def coffee() -> Image.Image:
    return Image.open(_builtin("coffee.png")).convert("RGB").resize((300, 200))


def _reason(path: Path, image: Image.Image, **options: object) -> str:
    image.save(path, **options)
    measured = measure.measure(path)
    return judge([path.name], [measured], Thresholds())[0].reason


def _toned(image: Image.Image, dark: tuple, light: tuple) -> Image.Image:
    grey = np.asarray(image.convert("L"), float)[..., None] / 255
    mixed = np.array(dark) * (1 - grey) + np.array(light) * grey
    return Image.fromarray(mixed.round().astype(np.uint8))


def test_photographs_stay() -> None:
    photos = photographs.builtin()
    names = [photo.path.name for photo in photos]
    measured = [measure.measure(photo.path) for photo in photos]
    reasons = {
        name: verdict.reason
        for name, verdict in zip(
            names, judge(names, measured, Thresholds()), strict=True
        )
    }
    assert not any(reasons.values()), reasons


def test_each_kind_is_found(coffee: Image.Image, tmp_path: Path) -> None:
    def reason(image: Image.Image, name: str = "x.png", **options: object) -> str:
        return _reason(tmp_path / name, image, **options)

    grey = coffee.convert("L")
    assert reason(coffee) == ""
    assert reason(coffee, "x.jpg", quality=40) == ""
    assert reason(grey) == "greyscale"
    assert reason(grey.convert("RGB"), "x.jpg", quality=40) == "greyscale"
    assert reason(grey.convert("P")) == "greyscale"
    assert reason(_toned(coffee, (30, 20, 10), (250, 235, 205))) == "sepia"
    assert reason(_toned(coffee, (0, 20, 60), (225, 240, 250)), "x.jpg") == "sepia"
    many = Image.open(_builtin("motorcycle_left.png")).convert("RGB")
    pale = Image.blend(many.convert("L").convert("RGB"), many, 0.15)
    assert reason(many) == ""
    assert reason(pale) == "pale"
    assert reason(coffee.resize((150, 100))) == "small"
    assert reason(coffee.crop((0, 0, 300, 40)).resize((1200, 160))) == "aspect"
    turned = Image.Exif()
    turned[0x0112] = 6
    coffee.save(tmp_path / "turned.jpg", exif=turned)
    measured = measure.measure(tmp_path / "turned.jpg")
    assert (measured.width, measured.height) == (200, 300)
    chart = Image.new("RGB", (300, 200), "white")
    draw = ImageDraw.Draw(chart)
    for i, colour in enumerate(("red", "blue", "green")):
        draw.rectangle((30 + 80 * i, 150 - 40 * i, 90 + 80 * i, 190), colour)
    assert reason(chart) == "graphics"
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "x.jpg").read_bytes()[:900])
    for name, text in (("cut.jpg", "damaged"), ("none.jpg", "No such file")):
        measured = measure.measure(tmp_path / name)
        assert text in measured.error
        assert judge([name], [measured], Thresholds())[0].word == "failed"


def test_thresholds_are_obeyed() -> None:
    good = {"width": 200, "height": 300, "chroma": 9.0, "spread": 5.0}
    good |= {"colorfulness": 20.0, "colors": 50.0}
    for change, threshold, reason in (
        ({"width": 127}, {"min_side": 127}, "small"),
        ({"height": 601}, {"max_aspect": 3.1}, "aspect"),
        ({"chroma": 1.4}, {"min_chroma": 1.4}, "greyscale"),
        ({"spread": 1.9}, {"min_spread": 1.9}, "sepia"),
        ({"colorfulness": 7.9}, {"min_colorfulness": 7.9}, "pale"),
        ({"colors": 3.4}, {"min_colors": 3.4}, "graphics"),
    ):
        measured = [Measured(**(good | change))]
        assert judge(["a"], measured, Thresholds(near_bits=-1))[0].reason == reason
        loose = Thresholds(near_bits=-1, **threshold)
        assert judge(["a"], measured, loose)[0].reason == ""


def test_numbers_agree_with_their_definitions(tmp_path: Path) -> None:
    rgb = RNG.integers(0, 256, (60, 96, 3), np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    measured = measure.measure(tmp_path / "a.png")
    ab = skimage.color.rgb2lab(rgb)[..., 1:]
    assert measured.chroma == pytest.approx(np.hypot(*ab.T).mean(), rel=1e-3)
    r, g, b = rgb.astype(float).reshape(-1, 3).T
    rg, yb = r - g, 0.5 * (r + g) - b
    m = np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    assert measured.colorfulness == pytest.approx(m, rel=1e-3)
    # Four colours in equal shares are four colours; three to one are fewer.
    flat = np.zeros((64, 96, 3), np.uint8)
    flat[:32, :48], flat[32:, :48], flat[:32, 48:] = 80, 160, 240
    Image.fromarray(flat).save(tmp_path / "a.png")
    assert measure.measure(tmp_path / "a.png").colors == pytest.approx(4, rel=1e-3)
    assert measure.measure(tmp_path / "a.png").chroma < 0.1
    flat[:, :48] = flat[:32, 48:] = 80
    Image.fromarray(flat).save(tmp_path / "a.png")
    expected = 4 / 3**0.75
    assert measure.measure(tmp_path / "a.png").colors == pytest.approx(expected, 1e-3)


@pytest.mark.parametrize("distance", [0, 1, 4, 6, 15])
def test_pairs_are_those_of_a_full_search(distance: int) -> None:
    hashes = RNG.integers(0, 2**64, 40, np.uint64)
    near = [hashes]
    for _ in range(5):
        bits = RNG.random((40, 64)) < (0.02 + 0.08 * RNG.random((40, 1)))
        near.append(hashes ^ np.packbits(bits, axis=1).view(np.uint64)[:, 0])
    every = np.concatenate(near)
    expected = [
        (i, j)
        for i, j in itertools.combinations(range(len(every)), 2)
        if int(every[i] ^ every[j]).bit_count() <= distance
    ]
    assert distance == 0 or len(expected) > 20
    assert [tuple(pair) for pair in pairs(every, distance).tolist()] == expected
    assert len(pairs(every[:0], distance)) == 0


def test_near_duplicates_thin_a_series_out() -> None:
    """Each is near the one before only: every second stays, not just the first."""
    dhashes = [0, 0b11, 0b1111, 0b111111]
    thumbnails = np.zeros((4, 192), np.uint8)
    assert near_duplicates(dhashes, thumbnails, 2, 10.0) == {1: 0, 3: 2}
    thumbnails[1] = 11
    assert near_duplicates(dhashes, thumbnails, 2, 10.0) == {3: 2}


def test_copies_are_found_and_the_best_stays(
    coffee: Image.Image, tmp_path: Path
) -> None:
    names = ["gray.png", "small.jpg", "again.png", "whole.png", "other.png"]
    coffee.convert("L").save(tmp_path / names[0])
    coffee.resize((240, 160)).save(tmp_path / names[1], quality=60)
    coffee.save(tmp_path / names[2])
    coffee.save(tmp_path / names[3])
    coffee.transpose(Image.Transpose.ROTATE_90).save(tmp_path / names[4])
    measured = [measure.measure(tmp_path / name) for name in names]
    verdicts = judge(names, measured, Thresholds())
    reasons = ["greyscale", "near", "", "duplicate", ""]
    assert [verdict.reason for verdict in verdicts] == reasons
    assert "again.png" in verdicts[1].detail
    assert "again.png" in verdicts[3].detail
    kept = judge(names, measured, Thresholds(near_bits=-1))
    assert kept[1].reason == ""


def test_reports(coffee: Image.Image, tmp_path: Path) -> None:
    names = ["a,b.png", "grey.png", "cut.png"]
    coffee.save(tmp_path / names[0])
    coffee.convert("L").save(tmp_path / names[1])
    (tmp_path / names[2]).write_bytes(b"")
    paths = [tmp_path / name for name in names]
    measured = [measure.measure(path) for path in paths]
    verdicts = judge(names, measured, Thresholds())
    report.write_csv(tmp_path / "audit.csv", names, measured, verdicts)
    with open(tmp_path / "audit.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == names
    assert [row["verdict"] for row in rows] == ["ok", "dropped", "failed"]
    assert [row["reason"] for row in rows] == ["", "greyscale", "corrupt"]
    assert (rows[0]["width"], rows[0]["sha256"]) == ("300", measured[0].sha256)
    assert float(rows[0]["chroma"]) > 5
    assert "33.33 %  greyscale" in report.table(verdicts)
    sheet = tmp_path / "dropped.jpg"
    report.write_contact_sheet(sheet, names, paths, verdicts)
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("L"), int)
    shown = np.asarray(coffee.convert("L").resize((116, 77)), int)
    assert np.abs(pixels[28 : 28 + 77, 2:118] - shown).mean() < 8
    report.write_contact_sheet(sheet, names[:1], paths[:1], verdicts[:1])
    assert not sheet.exists()


def test_journal_remembers_whole_lines_of_unchanged_files(
    coffee: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path in paths[:3]:
        coffee.rotate(int(path.stem)).save(path)
    log = tmp_path / "progress" / "log"
    first = journal.measure_all(paths, log, 2)
    assert first[3].error
    assert len({m.sha256 for m in first[:3]}) == 3
    log.write_bytes(log.read_bytes()[:-20])  # killed while it wrote the last line
    coffee.rotate(45).save(paths[0])
    coffee.rotate(50).save(paths[3])
    seen = []
    real = measure.measure
    monkeypatch.setattr(measure, "measure", lambda p: seen.append(p) or real(p))
    second = journal.measure_all(paths, log, 2)
    assert sorted(seen) == [paths[0], paths[2], paths[3]]
    assert second == [real(path) for path in paths]
    seen.clear()
    assert journal.measure_all(paths, log, 2) == second
    assert seen == []
