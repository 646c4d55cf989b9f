"""Pairs for people: who is shown what, what is on the page, and what answers say."""

import json
from pathlib import Path
from typing import Any

import browsing
import commands
import numpy as np
import pytest
import runs
from PIL import Image, ImageOps
from scipy import stats
from skimage import color

import colorflax
from launch.perception import page, pictures, sittings, verdict

PHOTOS = 9
ENV = runs.ENV


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures of patches in many colours."""
    root = tmp_path_factory.mktemp("coloured")
    rng = np.random.default_rng(0)
    for n in range(PHOTOS):
        patches = rng.integers(0, 256, (3, 4, 3), np.uint8)
        Image.fromarray(np.kron(patches, np.ones((20, 20, 1), np.uint8))).save(
            root / f"treasure{n}.png"
        )
    return root


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("systems")
    return [runs.untrained(place / name, "classification") for name in ("a", "b")]


@pytest.fixture(scope="module")
def made(coloured: Path, systems: list[Path], tmp_path_factory: Any) -> Path:
    """A study of two networks and the control: two pairs of each, three to practise."""
    out: Path = tmp_path_factory.mktemp("made") / "study"
    done = commands.run(
        "launch.study", *(f"--checkpoint={run}" for run in systems), "--pairs=2",
        f"--photos=folder:{coloured}", "--practice=3", "--seconds=0.1", "--side=40",
        f"--out={out}", env=ENV,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}/index.html: 3 to practise on and 6 to answer")
    return out


@pytest.mark.parametrize("systems", [1, 2, 3, 5])
def test_everybody_sees_each_photograph_once_and_all_see_all(systems: int) -> None:
    photos = 7 * systems
    planned = sittings.plan(photos, systems, 3 * systems, 0)
    for pairs in planned:
        assert sorted(pair.photo for pair in pairs) == list(range(photos))
        for system in range(systems):
            sides = [pair.left for pair in pairs if pair.system == system]
            assert len(sides) == 7
            assert sum(sides) in (3, 4)
    for first in range(2 * systems):
        seen = {
            (x.photo, x.system) for p in planned[first : first + systems] for x in p
        }
        assert len(seen) == photos * systems
    orders = {tuple(pair.photo for pair in pairs) for pairs in planned}
    assert len(orders) == len(planned)
    assert sittings.plan(photos, systems, 3 * systems, 0) == planned
    assert sittings.plan(photos, systems, 3 * systems, 1) != planned
    seen_left = {(x.photo, x.system) for pairs in planned for x in pairs if x.left}
    assert len(seen_left) > photos * systems / 2  # neither always on one side


def test_practice_is_of_all_systems_in_no_order_to_learn() -> None:
    pairs = sittings.practice(12, 3, 0)
    assert sorted(pair.photo for pair in pairs) == list(range(12))
    for system in range(3):
        sides = [pair.left for pair in pairs if pair.system == system]
        assert sorted(sides) == [False, False, True, True]
    assert sittings.practice(12, 3, 1) != pairs
    assert sittings.practice(0, 3, 0) == []


def test_what_is_shown(made: Path, coloured: Path, systems: list[Path]) -> None:
    """The photograph; what a call makes of it, shrunk; and L under other colours."""
    study = page.read(made)
    assert study.systems == [*map(str, systems), pictures.CONTROL]
    shown = [*study.practised, *study.photos]
    names = sorted(x.name for x in shown)
    assert names == [f"treasure{n}.png" for n in range(PHOTOS)]
    for one in shown[:3]:
        with Image.open(coloured / one.name) as image:
            wanted = [image.convert("RGB")]
            wanted += [colorflax.load(run)(image) for run in systems]
        for name, picture in zip([one.true, *one.made[:2]], wanted, strict=True):
            with Image.open(made / "pictures" / name) as found:
                expected = ImageOps.contain(picture, (40, 40))
                values = (np.asarray(x, float) for x in (found, expected))
                # Devices are not as many as in the command's process.
                np.testing.assert_allclose(*values, atol=1)
        with Image.open(made / "pictures" / one.made[2]) as found:
            control = color.rgb2lab(np.asarray(found))
        true = color.rgb2lab(np.asarray(ImageOps.contain(wanted[0], (40, 40))))
        assert found.size == (40, 30)
        middles = np.s_[5::10, 5::10]  # of patches
        np.testing.assert_allclose(
            control[middles][..., 0], true[middles][..., 0], atol=1.5
        )
        assert np.abs(control - true)[middles][..., 1:].mean() > 10


def test_the_page_names_nothing(made: Path, systems: list[Path]) -> None:
    text = (made / "index.html").read_text()
    assert "treasure" not in text
    assert not any(str(run) in text for run in systems)
    assert "http" not in text


def _answers(study: page.Study, sitting: int, person: str, said: Any) -> dict[str, Any]:
    """As the page saves them; `said` knows of each pair on which side is what."""
    return {
        "study": study.id,
        "sitting": sitting,
        "person": person,
        "answers": [
            {**pair._asdict(), "said": said(pair), "ms": 500}
            for pair in study.sittings[sitting]
        ],
    }


def _side(left: bool) -> str:
    return "left" if left else "right"


def test_the_table(made: Path, systems: list[Path], tmp_path: Path) -> None:
    """One is fooled by the first network always, the other by the second."""
    study = page.read(made)
    for n in (0, 1):

        def said(pair: sittings.Pair, n: int = n) -> str:
            return _side(pair.left if pair.system != n else not pair.left)

        text = json.dumps(_answers(study, n, f"person {n}", said))
        (tmp_path / f"answers-{n}.json").write_text(text)
    done = commands.run("launch.study", f"--out={made}", tmp_path, env=ENV)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2 people, 12 pairs, 0.1 s each"
    shares = {line.split("  ")[0].strip(): line.split() for line in lines[2:]}
    a, b = map(str, systems)
    assert shares[a][1:] == ["50.0%", "[0.0%,", "100.0%]", "4"]
    assert shares[b][1:] == ["50.0%", "[0.0%,", "100.0%]", "4"]
    assert shares[pictures.CONTROL][4:] == ["0.0%", "[0.0%,", "0.0%]", "4"]
    assert shares[f"{b} - {a}"][3:] == ["+0.0%", "[-100.0%,", "+100.0%]", "4"]
    assert shares["where nobody can tell"][-1] == "50.0%"
    record = json.loads((made / "verdict.json").read_text())
    photographs = record["systems"][a]["photographs"]
    assert sum(x["asked"] for x in photographs) == 4
    assert sum(x["fooled"] for x in photographs) == 2
    assert {x["sha256"] for x in photographs} == {x.sha256 for x in study.photos}


def test_intervals_of_one_person_are_those_of_a_share() -> None:
    """Beside the normal approximation of a binomial."""
    rng = np.random.default_rng(0)
    fooled = np.full((2, 400), np.nan)
    fooled[0, :200] = rng.random(200) < 0.3
    fooled[1, 200:] = rng.random(200) < 0.1
    one, other = verdict.judge("ab", [verdict.Answers("x", fooled)], 2000, 0)
    for rate, row in zip((one.fooled, other.fooled), fooled, strict=True):
        p = np.nanmean(row)
        assert rate.value == pytest.approx(p)
        assert rate.pairs == 200
        low, high = stats.norm.interval(0.95, p, np.sqrt(p * (1 - p) / 200))
        assert rate.low == pytest.approx(low, abs=0.015)
        assert rate.high == pytest.approx(high, abs=0.015)
    assert one.more == (0, 0, 0, 200)
    assert other.more.value == pytest.approx(other.fooled.value - one.fooled.value)
    assert other.more.high < 0


def test_people_who_differ_make_intervals_wide() -> None:
    """Half of them are always fooled, half never: photographs alone would not tell."""
    fooled = np.zeros((8, 1, 100))
    fooled[4:] = 1
    answers = [verdict.Answers(str(n), x) for n, x in enumerate(fooled)]
    [(_, rate, _)] = verdict.judge("a", answers, 2000, 0)
    low, high = stats.binom.interval(0.95, 8, 0.5)
    assert (rate.low, rate.high) == pytest.approx((low / 8, high / 8), abs=0.01)


def test_answers_that_do_not_count(made: Path, tmp_path: Path) -> None:
    study = page.read(made)
    good = _answers(study, 2, "x", lambda pair: "left")
    short = good | {"answers": good["answers"][:-1]}
    other = good | {"answers": good["answers"][::-1]}
    odd = good | {"answers": [x | {"said": "both"} for x in good["answers"]]}
    for values, what in (
        ("[" * 100_000, "holds no answers; leave it out"),
        ([], "holds no answers; leave it out"),
        (good | {"sitting": 900}, "holds no answers; leave it out"),
        (good | {"study": "0" * 16}, "answers another study; leave it out"),
        (short, "has not the 6 answers that sitting 2 asks for; leave it out"),
        (other, "has not the 6 answers that sitting 2 asks for; leave it out"),
        (odd, "has not the 6 answers that sitting 2 asks for; leave it out"),
    ):
        path = tmp_path / "one.json"
        path.write_text(values if isinstance(values, str) else json.dumps(values))
        with pytest.raises(colorflax.UserError) as error:
            verdict.read([path], study)
        assert str(error.value) == f"{path} {what}"
    paths = [tmp_path / "1.json", tmp_path / "2.json"]
    for path in paths:
        path.write_text(json.dumps(good))
    with pytest.raises(colorflax.UserError, match="answers of the same person"):
        verdict.read(paths, study)
    with pytest.raises(colorflax.UserError, match="No such file"):
        verdict.read([tmp_path / "none.json"], study)


def test_what_is_refused(
    made: Path, coloured: Path, systems: list[Path], tmp_path: Path
) -> None:
    run = systems[0]
    flags = [f"--photos=folder:{coloured}", f"--checkpoint={run}"]
    for arguments, what in (
        ([*flags, f"--out={made}"], "holds a study already; name another --out"),
        (
            [*flags, f"--out={tmp_path / 'x'}"],
            "90 photographs are wanted and only 9 of 9 have colours; take fewer "
            "--pairs, or name more --photos",
        ),
        ([*flags, f"--checkpoint={run}/", "--out=x"], "one network is named by two"),
        ([*flags, f"--out={coloured}"], "holds other files; name another --out"),
        ([*flags, "--seconds=nan", "--out=x"], "--seconds=nan; take a number, as 1"),
        ([f"--photos={coloured}", "--out=x"], "should be builtin, folder:DIR, records"),
        ([f"--out={tmp_path}", "a.json"], "holds no study; name its --out"),
        ([f"--out={made}", tmp_path], f"no answers in {tmp_path}"),
    ):
        said = commands.complaint(commands.run("launch.study", *arguments, env=ENV))
        assert what in said
    changed = tmp_path / "changed"
    changed.mkdir()
    text = (made / page.NAME).read_text()
    (changed / page.NAME).write_text(text.replace("treasure1", "treasure2"))
    with pytest.raises(colorflax.UserError, match="was changed since it was made"):
        page.read(changed)
    (changed / page.NAME).write_text(text[:-20])
    with pytest.raises(colorflax.UserError, match="is damaged"):
        page.read(changed)


def test_a_line_is_one_pixel_wide_at_least() -> None:
    line = Image.new("RGB", (900, 3))
    assert pictures._shrunk(line, 256).size == (256, 1)


def test_in_a_browser(made: Path, tmp_path: Path) -> None:
    """Somebody who always says left, by keys and by buttons; and asks nobody else."""
    study = page.read(made)
    with browsing.opened() as browser:
        asked: list[str] = []
        browser.on("request", lambda request: asked.append(request.url))
        browser.goto(f"{(made / 'index.html').as_uri()}#4")
        browser.get_by_text("told what was right: 3. Then: 6.").wait_for()
        browser.keyboard.press(" ")
        for _ in range(3):
            browser.get_by_text("Which one did a machine colour?").wait_for()
            browser.get_by_role("button", name="left").click()
            browser.get_by_role("button", name="go on").click()
        browser.get_by_role("button", name="go on").click()
        # On the smallest screens both are to be seen whole; and one is lost at first.
        browser.set_viewport_size({"width": 120, "height": 700})
        boxes = [place.bounding_box() for place in browser.locator("#pair div").all()]
        assert boxes[0]["x"] >= 0
        assert boxes[1]["x"] + boxes[1]["width"] <= 120
        assert 20 < boxes[0]["width"] == boxes[1]["width"] < 40
        lost = made / "pictures" / study.photos[study.sittings[4][2].photo].true
        away = lost.rename(tmp_path / lost.name)
        for n in range(6):
            browser.get_by_text(f"{n + 1} of 6").wait_for()
            if n == 2:
                again = browser.get_by_role("button", name="try again")
                again.wait_for()
                away.rename(lost)
                again.click()
            browser.get_by_text("Which one did a machine colour?").wait_for()
            assert "hidden" in browser.locator("#pair").get_attribute("class")
            browser.keyboard.press("ArrowLeft")
        with browser.expect_download() as coming:
            browser.get_by_role("button", name="save").click()
        answers = tmp_path / coming.value.suggested_filename
        coming.value.save_as(answers)
        browser.get_by_text("Saved, where your downloads are").wait_for()
    planned = study.sittings[4]
    [read] = verdict.read([answers], study)
    for pair in planned:
        assert read.fooled[pair.system, pair.photo] == (not pair.left)
    assert np.isfinite(read.fooled).sum() == 6
    files = {Path(url).name for url in asked if url.startswith("file:")}
    wanted = {study.photos[pair.photo].made[pair.system] for pair in planned}
    assert wanted <= files
    assert all(url.startswith(("file:", "blob:")) for url in asked), asked
