"""What a user names becomes photographs to colour, and places for them."""

import os
from pathlib import Path
from typing import Any

import pytest

from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.workshop import album
from colorflax.workshop.ledger import Ledger


def test_a_name_that_cannot_be_looked_at_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    out, names = tmp_path / "out", ["x" * 300 + ".jpg", str(tmp_path / "a.png")]
    long, good = album.plan(names, out, None, Ledger(out))
    assert (long.target, good.target) == (None, out / "a.png")
    assert long.problem == "cannot be looked at (File name too long)"


def test_links_to_folders_are_folders(tmp_path: Path) -> None:
    """Those in a circle too, once; what has a place of its own keeps that."""
    for name in ("in/z/a.png", "beside/b.png", "beside/more/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "beside")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in" / "z")
    (tmp_path / "in" / "z" / "up").symlink_to(tmp_path / "in")
    found = photographs.list_files(tmp_path / "in")
    assert [path.relative_to(tmp_path / "in").as_posix() for path in found] == [
        "linked/b.png", "linked/more/c.png", "z/a.png"
    ]  # fmt: skip


def test_what_is_passed_over_has_its_kind(tmp_path: Path) -> None:
    """In a folder; the same files are tried where they are named."""
    for name in ("a.png", "b.dng", "c", "out/b.png", "out/d.png", ".e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    out = tmp_path / "out"
    jobs = album.plan([str(tmp_path)], out, None, Ledger(out))
    assert [(j.source.relative_to(tmp_path).as_posix(), j.skipped) for j in jobs] == [
        ("a.png", None), ("b.dng", "other"), ("c", "other"),
        ("out/b.png", "output"), ("out/d.png", "output"),
    ]  # fmt: skip
    assert [j.target for j in jobs] == [out / "a.png", None, None, None, None]
    names = [str(tmp_path), str(out / "d.png"), str(tmp_path / "c")]
    jobs = album.plan(names, out, None, Ledger(out))
    tried = [j.source.name for j in jobs if not j.skipped]
    assert tried == ["a.png", "d.png", "c"]


def test_a_folder_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is done; training, which needs all, is refused."""
    for name in ("a.png", "locked/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    out = tmp_path / "out"
    done, failed = album.plan([str(tmp_path)], out, None, Ledger(out))
    assert done.target == out / "a.png"
    assert (failed.source, failed.target) == (tmp_path / "locked", None)
    assert failed.problem == "cannot be looked into (Permission denied)"
    assert not failed.skipped
    with pytest.raises(UserError, match=r"locked: cannot be looked into"):
        photographs.folder(tmp_path)


def test_a_pattern_means_folders_too(tmp_path: Path) -> None:
    for name in ("a.png", "b/c.png", "b/d/e.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    out = tmp_path / "out"
    jobs = album.plan([str(tmp_path / "in" / "*")], out, None, Ledger(out))
    assert {job.target for job in jobs} == {
        out / "a.png", out / "c.png", out / "d" / "e.png"
    }  # fmt: skip
    [job] = album.plan([str(tmp_path / "in" / "b")], tmp_path, None, Ledger(tmp_path))
    assert job.target is None
    assert job.problem == "lies in --out, where outputs are; name another --out"
