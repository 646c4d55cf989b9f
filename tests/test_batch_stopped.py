"""A folder that is being coloured, and signals: nothing is lost, nothing done twice."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import compiling
import pytest
import runs
from PIL import Image

from colorflax import predict
from colorflax.control.order import Wish
from colorflax.disk import files
from colorflax.errors import Stopped, UserError
from colorflax.picture import read
from colorflax.workshop import album, batch, studio
from colorflax.workshop.ledger import Ledger

ROOT = Path(__file__).parent.parent
ENV = compiling.devices(1)
PICTURES = 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scans")
    for i in range(PICTURES):
        Image.effect_noise((900, 700 + i), 80).save(root / f"{i}.png")
    (root / "note.txt").write_text("not a scan")
    return root


def _statuses(report: Path) -> list[str]:
    return [row["status"] for row in json.loads(report.read_text())["files"]]


def _stopped(command: list[str], out: Path, after: int, number: int) -> tuple[int, str]:
    """Exit code and stderr of a command that gets a signal after some outputs."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.png"))) < after and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    _, complaints = process.communicate()
    return process.returncode, complaints


def test_stopped_thrice_and_run_again(run: Path, scans: Path, tmp_path: Path) -> None:
    """Whatever is there is whole; in the end it is what one run makes, and no rest."""
    out, report = tmp_path / "out", tmp_path / "out" / "report.json"
    arguments = [f"--checkpoint={run}", f"--out={out}", f"--report={report}", scans]
    command = [sys.executable, "-m", "colorflax.colorize", *map(str, arguments)]
    there = 0
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 75)):
        exited, complaints = _stopped(command, out, there + 1, number)
        left = PICTURES - len(list(out.glob("*.png")))
        assert 0 < left < PICTURES - there
        assert exited == code
        line = f"stopped; the same command goes on with the {left} that are left"
        assert complaints == f"colorflax: {line}\n"
        done = ["before"] * there + ["done"] * (PICTURES - there - left)
        assert _statuses(report) == [*done, *["left"] * left, "skipped"]
        there = PICTURES - left
        assert {p.name for p in out.iterdir()} == {
            ".colorflax.jsonl", "report.json", *(f"{i}.png" for i in range(there))
        }  # fmt: skip
    exited, _ = _stopped(command, out, there + 1, signal.SIGKILL)
    assert exited == -signal.SIGKILL
    written = {p: p.stat().st_mtime_ns for p in out.glob("*.png")}
    assert there < len(written) < PICTURES
    for path in written:
        assert read(path).size == (900, 700 + int(path.stem))
    for begun in (".9.png.0123abcd.colorflax", ".report.json.456789ef.colorflax"):
        (out / begun).write_bytes(b"begun")
    others = (".9.png.metadata", ".9.png.original", ".9.png.0123abcd")
    for name in others:
        (out / name).write_bytes(b"of somebody else")
    last = commands.run("colorflax.colorize", *arguments, env=ENV)
    assert last.returncode == 0, last.stderr
    # At most one was written without being noted.
    kept = [path for path, when in written.items() if path.stat().st_mtime_ns == when]
    assert len(kept) >= len(written) - 1
    assert _statuses(report).count("before") == len(kept)
    whole = tmp_path / "whole"
    straight = commands.run(
        "colorflax.colorize", f"--checkpoint={run}", f"--out={whole}", scans, env=ENV
    )
    assert straight.returncode == 0, straight.stderr
    names = {".colorflax.jsonl", *(f"{i}.png" for i in range(PICTURES))}
    assert {p.name for p in whole.iterdir()} == names
    assert {p.name for p in out.iterdir()} == names | {"report.json", *others}
    for path in whole.glob("*.png"):
        assert path.read_bytes() == (out / path.name).read_bytes()


@pytest.mark.parametrize("at", [1, 3])
def test_what_is_begun_is_finished(run: Path, tmp_path: Path, at: int) -> None:
    """A signal while picture `at` of three is coloured; after the last it is late."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    for folder in (scans, out):
        folder.mkdir()
    for i in range(3):
        Image.effect_noise((40, 30), 80 + i).save(scans / f"{i}.png")

    class Signalled(studio.Studio):
        looked = 0

        def files(self, picture: Any, target: Path) -> Iterator[Any]:
            self.looked += 1
            if self.looked == at:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().files(picture, target)

    def colour() -> int:
        at_work = Signalled(predict.load(run), Wish())
        ledger = Ledger(out)
        jobs = album.plan([str(scans)], out, None, ledger)
        return batch.colour(jobs, at_work, ledger, report=tmp_path / "report.json")

    if at == 3:
        assert colour() == 0
        return
    with pytest.raises(Stopped, match="with the 2 that are left") as raised:
        colour()
    assert raised.value.code == 75
    assert _statuses(tmp_path / "report.json") == ["done", "left", "left"]
    assert [p.name for p in sorted(out.glob("*.png"))] == ["0.png"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_is_not_tried_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """From the second of eight photographs on, and for the report on it."""
    scans, out = tmp_path / "scans", tmp_path / "out"
    for folder in (scans, out):
        folder.mkdir()
    for i in range(8):
        Image.effect_noise((40, 30), 80 + i).save(scans / f"{i}.png")
    write, refused = files.write, []

    def refuse(path: Path, content: bytes) -> None:
        if path.name != "0.png":
            refused.append(path.name)
            raise OSError(number, os.strerror(number), str(path))
        write(path, content)

    def colour() -> int:
        ledger = Ledger(out)
        jobs = album.plan([str(scans)], out, None, ledger)
        at_work = studio.Studio(predict.load(run), Wish())
        return batch.colour(jobs, at_work, ledger, report=out / "report.json")

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", refuse)
        with pytest.raises(UserError) as raised:
            colour()
    assert str(raised.value) == (
        f"{out}/1.png: cannot be written ({os.strerror(number)}); when that is mended, "
        "the same command goes on with the 7 that are left"
    )
    assert 2 <= len(refused) <= 5  # with those that were under way
    assert [p.name for p in sorted(out.glob("*"))] == [".colorflax.jsonl", "0.png"]
    assert colour() == 0
    assert _statuses(out / "report.json") == ["before", *["done"] * 7]
