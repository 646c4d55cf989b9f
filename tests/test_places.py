"""What a ledger remembers, and the place of each photograph in a folder of colours."""

import json
import os
from pathlib import Path

import pytest

from colorflax.control.order import Wish
from colorflax.errors import UserError
from colorflax.workshop import album
from colorflax.workshop.ledger import Ledger, stamp

SOURCE = Path("x")


def test_a_ledger_of_broken_lines(tmp_path: Path) -> None:
    made = {"source": "x", "stamp": (1, 2)}
    ledger = Ledger(tmp_path)
    ledger.write(tmp_path / "a.png", b"ours", SOURCE, made)
    with (tmp_path / ".colorflax.jsonl").open("ab") as file:
        file.write(b'\n{"file": "b.png", "sha2')
    ledger = Ledger(tmp_path)
    ledger.write(tmp_path / "b.png", b"ours too", SOURCE, made)
    ledger = Ledger(tmp_path)
    assert ledger.done(tmp_path / "a.png", made)
    assert ledger.done(tmp_path / "b.png", made)
    assert not ledger.done(tmp_path / "a.png", {**made, "stamp": (1, 3)})
    (tmp_path / "a.png").write_bytes(b"a stranger's")
    assert not ledger.done(tmp_path / "a.png", made)


def test_a_file_that_came_meanwhile_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("somebody's notes")
    with pytest.raises(UserError, match=r"a\.png: is not written over; move it or"):
        Ledger(tmp_path).write(tmp_path / "a.png", b"ours", SOURCE, {})
    assert (tmp_path / "a.png").read_text() == "somebody's notes"


def test_places_in_another_folder(tmp_path: Path) -> None:
    """Trees are kept, doubles and those who are taken get numbers."""
    for name in ("in/x/a.tif", "in/x/a.jpg", "in/b.PNG", "out/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    out = tmp_path / "out"
    names = [str(tmp_path / "in"), str(tmp_path / "**" / "*.tif"), "gone*.png"]
    jobs = album.plan(names, out, None, Ledger(out))
    assert [(j.target and j.target.relative_to(out).as_posix()) for j in jobs] == [
        "b-2.png", "x/a.png", "x/a.tif", None
    ]  # fmt: skip
    assert jobs[-1].problem == "no file matches"
    jobs = album.plan(names[:1], out, "webp", Ledger(out))
    assert [j.target.name for j in jobs] == ["b.webp", "a.webp", "a-2.webp"]


def test_a_photograph_keeps_its_place(tmp_path: Path) -> None:
    """When others come, when it moves or changes; nobody else's is written over."""
    out = tmp_path / "out"
    scans, more = tmp_path / "scans", tmp_path / "more"

    def add(*names: str, folder: Path = scans) -> None:
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_text(f"{folder.name} {name}")

    def colour(folder: Path = scans) -> dict[str, str]:
        """What becomes of each, according to the plan; and it does."""
        ledger = Ledger(out)
        made = {}
        for job in album.plan([str(folder)], out, None, ledger):
            assert job.target
            facts = {"source": job.source.name, "stamp": stamp(job.source)}
            ledger.write(job.target, job.source.read_bytes(), job.source, facts)
            made[job.source.name] = job.target.name
        return made

    out.mkdir()
    add("b.jpg", "b.png")
    first = colour()
    assert first == {"b.jpg": "b.png", "b.png": "b-2.png"}
    add("B.gif", "b.bmp")
    second = colour()
    assert second == first | {"B.gif": "B-3.png", "b.bmp": "b-4.png"}
    (out / "b.png").unlink()
    assert colour() == second
    moved = scans.rename(tmp_path / "moved")
    assert colour(moved) == second
    add("b.jpg", folder=moved)  # scanned again
    os.utime(moved / "b.jpg", (1, 1))
    assert colour(moved) == second
    add("b.jpg", folder=more)
    assert colour(more)["b.jpg"] not in second.values()
    assert (out / "b.png").read_text() == "moved b.jpg"
    # A ledger of older versions does not say where photographs were.
    lines = (out / ".colorflax.jsonl").read_text().splitlines()
    older = [{k: x for k, x in json.loads(y).items() if k != "of"} for y in lines if y]
    (out / ".colorflax.jsonl").write_text("\n".join(map(json.dumps, older)))
    add("b.jpg", folder=tmp_path / "others")
    assert colour(moved)["b.jpg"] == "b.png"
    assert colour(tmp_path / "others")["b.jpg"] not in second.values()
    assert (out / "b.png").read_text() == "moved b.jpg"
    assert len(list(out.glob("*.png"))) == 6


def test_photographs_called_like_what_is_beside_another(tmp_path: Path) -> None:
    """All that is written has a place of its own; so has the report."""
    scans, out = tmp_path / "in", tmp_path / "out"
    scans.mkdir()
    for name in ("X.compare.jpg", "x.png", "x.sample-1.png", "y.png", "y.sample.png"):
        (scans / name).touch()
    more = Wish(samples=2, confidence=True, compare=True).beside
    assert more == ("sample-1", "sample-2", "confidence", "compare")

    def plan(*names: str) -> dict[str, str]:
        named = [str(scans / name) for name in names] or [str(scans)]
        ledger = Ledger(out)
        jobs = album.plan(named, out, None, ledger, more, [out / "y-2.png"])
        every = [path for job in jobs for path in (job.target, *job.beside) if path]
        assert len({str(path).casefold() for path in every}) == 5 * len(jobs)
        assert out / "y-2.png" not in every
        return {job.source.name: job.target.name for job in jobs if job.target}

    last = plan("x.png", "x.sample-1.png")
    assert last == {"x.png": "x.png", "x.sample-1.png": "x.sample-1-2.png"}
    whole = plan()
    assert whole == {
        "X.compare.jpg": "X.compare.png", "x.png": "x-2.png",
        "x.sample-1.png": "x.sample-1.png", "y.png": "y.png",
        "y.sample.png": "y.sample.png",
    }  # fmt: skip
