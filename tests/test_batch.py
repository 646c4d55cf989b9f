"""A thousand scans: done once, whole or not at all, and accounted for."""

import copy
import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import commands
import compiling
import numpy as np
import pytest
import runs
import tifffile
from PIL import Image, PngImagePlugin
from skimage import color as oracle

import colorflax
from colorflax import checkpoint
from colorflax.control.order import Wish
from colorflax.disk import lock
from colorflax.errors import UserError
from colorflax.picture import read
from colorflax.predict import Colorizer
from colorflax.workshop.studio import Studio

ROOT = Path(__file__).parent.parent
ENV = compiling.devices(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"))


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return commands.run("colorflax.colorize", *arguments, env=ENV)


def test_a_report_and_what_is_written(run: Path, tmp_path: Path) -> None:
    """16 bits, alpha, EXIF and a name in each; a pattern; colours told apart."""
    scans = tmp_path / "scans"
    scans.mkdir()
    ramp = np.linspace(0, 65535, 40 * 30).astype(np.uint16).reshape(30, 40)
    tifffile.imwrite(scans / "deep.tif", ramp, resolution=(300, 300))
    grey = np.asarray(Image.effect_noise((40, 30), 80))
    sepia = (grey[..., None] * [1.0, 0.85, 0.65]).astype(np.uint8)
    Image.fromarray(sepia).save(scans / "sepia.png")
    vivid = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    vivid = np.asarray(Image.fromarray(vivid[::6, ::8]).resize((40, 30)))
    Image.fromarray(vivid).save(scans / "vivid.jpg")
    (scans / "note.txt").write_text("not a scan")
    report = tmp_path / "reports" / "r.json"
    done = _command(
        f"--checkpoint={run}", f"--out={tmp_path / 'out'}", "--compare",
        f"--report={report}", f"{scans}/*",
    )  # fmt: skip
    assert done.returncode == 1
    assert "vivid.jpg: has colours, which are replaced" in done.stderr
    assert "note.txt: not a picture" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    written = json.loads(report.read_text())
    rows = {Path(row["source"]).name: row for row in written["files"]}
    assert {name: (r["status"], r["bits"], r["kind"]) for name, r in rows.items()} == {
        "deep.tif": ("done", 16, "grey"), "note.txt": ("failed", None, None),
        "sepia.png": ("done", 8, "toned"), "vivid.jpg": ("done", 8, "coloured"),
    }  # fmt: skip
    assert rows["note.txt"]["reason"].endswith("not a picture that can be read")
    assert all(row["seconds"] >= 0 for row in rows.values())
    assert (rows["deep.tif"]["width"], rows["deep.tif"]["height"]) == (40, 30)
    deep = read(tmp_path / "out" / "deep.tif")
    assert deep.pixels.shape == (30, 40, 3)
    assert deep.metadata.dpi == (300, 300)
    L = oracle.rgb2lab(deep.pixels / 65535)[..., 0]
    wanted = oracle.rgb2lab(np.repeat(ramp[..., None], 3, -1) / 65535)[..., 0]
    assert np.abs(L - wanted).max() / 100 <= 8 / 65535
    saved = checkpoint.load(run)
    sha256 = checkpoint.digest(saved.variables)
    assert sha256.encode() in deep.metadata.xmp
    assert written["settings"]["checkpoint"] == sha256
    again = tmp_path / "again.json"
    _command(f"--checkpoint={run}", f"--out={tmp_path / 'out'}", "--compare",
             f"--report={again}", f"{scans}/*")  # fmt: skip
    told = ("source", "width", "height", "bits", "kind")
    for row in json.loads(again.read_text())["files"]:
        before = rows[Path(row["source"]).name]
        assert row["status"] in ("before", "failed")
        assert [row[what] for what in told] == [before[what] for what in told]
    compared = read(tmp_path / "out" / "deep.compare.tif").pixels
    np.testing.assert_array_equal(compared[:, 40:], deep.pixels)
    grey_half = oracle.rgb2lab(compared[:, :40] / 65535)
    assert np.abs(grey_half[..., 1:]).max() < 0.1


def test_done_once_until_something_changes(run: Path, tmp_path: Path) -> None:
    photo, out = tmp_path / "a.png", tmp_path / "out"
    Image.effect_noise((40, 30), 80).save(photo)
    flags = [f"--checkpoint={run}", f"--out={out}", photo]

    def times(*more: str) -> tuple[int, str]:
        done = _command(*more, *flags)
        assert done.returncode == 0, done.stderr
        assert {p.name for p in out.iterdir()} == {"a.png", ".colorflax.jsonl"}
        return (out / "a.png").stat().st_mtime_ns, done.stdout

    first = times("--noprovenance")
    with Image.open(out / "a.png") as image:
        assert "Software" not in image.info
    note = first[1].replace("\n", " (done before)\n")
    assert times("--noprovenance") == (first[0], note)
    again = times("--noprovenance", "--overwrite")
    assert again[0] > first[0]
    other = times("--saturation=2")
    assert "done before" not in other[1]
    Image.effect_noise((40, 30), 90).save(photo)
    changed = times("--saturation=2")
    assert "done before" not in changed[1]
    assert "done before" in times("--saturation=2")[1]


def test_another_gain_of_the_same_network_is_another_picture(run: Path) -> None:
    """What is done and what a file says of itself tell the two apart."""
    saved = checkpoint.load(run)
    values = copy.deepcopy(saved.about["config"])
    values["objective"]["gain"] = 0.05
    pale = dataclasses.replace(saved, about=saved.about | {"config": values})
    image = io.BytesIO()
    Image.effect_noise((40, 30), 80).save(image, "PNG")
    studios = [Studio(Colorizer(each), Wish()) for each in (saved, pale)]
    settings = [studio.settings() for studio in studios]
    assert settings[0] == settings[1] | {"gain": 1.0}
    contents = [studio.one(image.getvalue(), "a.png") for studio in studios]
    chroma = [
        np.abs(oracle.rgb2lab(Image.open(io.BytesIO(x)))[..., 1:]).mean()
        for x in contents
    ]
    assert chroma[1] < 0.5 * chroma[0]
    assert b", gain=0.05, " in contents[1]


def test_samples_at_another_temperature_are_others(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Also where a picture without samples would be the same."""
    bins = runs.untrained(tmp_path_factory.mktemp("bins"), "classification")
    colorizer = Colorizer(checkpoint.load(bins))
    own = colorizer.objective.temperature
    plain, wished = (
        Studio(colorizer, Wish(temperature=t, samples=1)).settings()
        for t in (None, own)
    )
    assert {k for k in plain if plain[k] != wished[k]} == {"drawn_at"}
    grey = np.zeros((8, 8), np.uint8)
    with pytest.raises(UserError, match="temperature=0; take more than 0"):
        next(colorizer.look(grey).samples(1, temperature=0.0))


def test_what_is_lost_is_said(run: Path, tmp_path: Path) -> None:
    """Other pages, and what was transparent and now is a JPEG."""
    grey = [Image.effect_noise((40, 30), 80) for _ in range(3)]
    pages, clear = tmp_path / "pages.tif", tmp_path / "clear.png"
    grey[0].save(pages, save_all=True, append_images=grey[1:])
    grey[0].putalpha(grey[1])
    grey[0].save(clear)
    report = tmp_path / "r.json"
    flags = [f"--checkpoint={run}", f"--out={tmp_path / 'out'}", "--format=jpg"]
    done = _command(*flags, f"--report={report}", pages, clear)
    assert done.returncode == 0, done.stderr
    notes = (
        "the first of 3 pages, without the others",
        "is transparent in places, which become white",
    )
    assert done.stderr.splitlines() == [
        f"colorflax: {pages}: {notes[0]}", f"colorflax: {clear}: {notes[1]}"
    ]  # fmt: skip
    rows = json.loads(report.read_text())["files"]
    assert [row["notes"] for row in rows] == [[note] for note in notes]


def test_two_at_once_are_not_let_in(run: Path, tmp_path: Path) -> None:
    """They would write over each other's pictures of the same name."""
    Image.new("L", (40, 30)).save(tmp_path / "a.png")
    out = tmp_path / "out"
    out.mkdir()
    with lock.hold_folder(out, "--out"):
        done = _command(f"--checkpoint={run}", f"--out={out}", tmp_path / "a.png")
    assert (done.returncode, list(out.iterdir())) == (1, [])
    assert done.stderr == (
        f"colorflax: {out}: another run is at work here; wait for it, or name another "
        "--out\n"
    )


def test_formats_and_pipes(run: Path, tmp_path: Path) -> None:
    photo = tmp_path / "a.bmp"
    Image.effect_noise((40, 30), 80).save(photo)
    for format, kind in (("jpg", "JPEG"), ("tif", "TIFF"), ("webp", "WEBP")):
        out = tmp_path / format
        flags = [f"--checkpoint={run}", f"--out={out}", f"--format={format}"]
        done = _command(*flags, photo)
        assert done.returncode == 0, done.stderr
        with Image.open(out / f"a.{format}") as image:
            assert (image.format, image.size) == (kind, (40, 30))
    done = subprocess.run(
        [sys.executable, "-m", "colorflax.colorize", f"--checkpoint={run}", "-"],
        input=photo.read_bytes(), capture_output=True, cwd=ROOT, env=ENV, check=True,
    )  # fmt: skip
    assert Image.open(io.BytesIO(done.stdout)).format == "PNG"
    assert not done.stderr


def test_a_report_takes_no_other_place(run: Path, tmp_path: Path) -> None:
    """Said before anything is coloured."""
    photo = tmp_path / "a.png"
    Image.effect_noise((40, 30), 80).save(photo)
    before = photo.read_bytes()
    flags = [f"--checkpoint={run}", f"--out={tmp_path / 'out'}", photo]
    for report, problem in ((photo, "is no report"), (tmp_path, "is a folder")):
        said = commands.complaint(_command(f"--report={report}", *flags))
        assert f"--report={report} {problem}; name another" in said
    assert photo.read_bytes() == before
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    "command",
    [
        [str(Path(sys.executable).with_name("colorflax"))],
        [sys.executable, "-m", "colorflax"],
    ],
)
def test_a_command_of_its_own(command: list[str], tmp_path: Path) -> None:
    """As installed, beside the Python that runs this; and as a module."""

    def run(word: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, word], cwd=tmp_path, capture_output=True, text=True
        )

    done = run("nowhere.jpg")
    assert (done.returncode, done.stderr) == (
        1,
        "colorflax: nowhere.jpg: no such file\n",
    )
    assert run("--version").stdout == f"{colorflax.__version__}\n"
    told = run("--help")
    assert told.returncode == 0
    assert told.stdout.startswith("Colour photographs")
    assert "--checkpoint: folder of a run" in told.stdout


def test_what_was_changed_since_is_kept(run: Path, tmp_path: Path) -> None:
    """A caption, say: it says that it is of colorflax, and is another file by now."""
    (tmp_path / "in").mkdir()
    Image.effect_noise((20, 16), 80).save(tmp_path / "in" / "a.png")
    words = f"--checkpoint={run}", f"--out={tmp_path / 'out'}", tmp_path / "in"
    assert _command(*words).returncode == 0
    made = tmp_path / "out" / "a.png"
    with Image.open(made) as image:
        texts = PngImagePlugin.PngInfo()
        for key, value in (*image.text.items(), ("Title", "Aunt Mary, 1931")):
            texts.add_text(key, value)
        image.save(made, pnginfo=texts)
    captioned = made.read_bytes()
    done = _command(*words, "--overwrite")
    assert made.read_bytes() == captioned
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a-2.png").exists()


def test_what_was_set_by_hand_is_kept(run: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        Image.effect_noise((20, 16), 80).save(tmp_path / "in" / f"{name}.png")
    words = f"--checkpoint={run}", f"--out={tmp_path / 'out'}"
    assert _command(*words, tmp_path / "in").returncode == 0
    plain = (tmp_path / "out" / "a.png").read_bytes()
    one = tmp_path / "in" / "a.png"
    assert _command(*words, "--hint=5,5,red", one).returncode == 0
    by_hand = (tmp_path / "out" / "a.png").read_bytes()
    assert by_hand != plain
    done = _command(*words, tmp_path / "in")
    assert done.returncode == 0
    assert (tmp_path / "out" / "a.png").read_bytes() == by_hand
    assert "keeps the colours that were set by hand; --overwrite takes" in done.stderr
    assert _command(*words, "--hint=5,5,blue", one).returncode == 0
    assert (tmp_path / "out" / "a.png").read_bytes() not in (plain, by_hand)
    assert _command(*words, "--overwrite", tmp_path / "in").returncode == 0
    assert (tmp_path / "out" / "a.png").read_bytes() == plain


def test_out_is_a_folder(tmp_path: Path) -> None:
    for out in ("x.PNG", "-"):
        done = commands.run("colorflax.colorize", f"--out={out}", "x.jpg", cwd=tmp_path)
        said = commands.complaint(done)
        assert f"--out={out} is a folder for what is written, not a picture" in said
