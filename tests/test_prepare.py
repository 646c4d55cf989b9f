"""The command that prepares: bad input, changed input, kills at any moment."""

import csv
import io
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import commands
import jobs
import pytest
import web
from encoded import saved
from PIL import Image

from colorflax.data.records import Records
from colorflax.disk import lock
from colorflax.errors import UserError
from colorflax.preparation import reencode
from colorflax.preparation import run as preparation


@pytest.fixture
def server() -> Iterator[str]:
    """The address of pictures by number."""

    def answer(request: BaseHTTPRequestHandler, name: str, times: int) -> None:
        web.send(request, jobs.jpeg(int(name)))

    with web.serving(answer) as (address, _):
        yield address


def test_bad_files_are_named_and_the_others_done(tmp_path: Path) -> None:
    folder = jobs.folder(tmp_path / "in", 5)
    (folder / "cut.jpg").write_bytes((folder / "0.png").read_bytes()[:300])
    (folder / "text.png").write_text("hello")
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    jobs.picture(0).convert("L").save(folder / "grey.png")
    code, output, errors = jobs.finish(folder, "--shard=2", out=tmp_path / "out")
    assert code == 1
    assert [line.split(": ")[0] for line in errors] == [
        f"{folder}/cut.jpg",
        f"{folder}/text.png",
    ]
    assert "greyscale" in output
    records = Records(tmp_path / "out")
    assert len(records) == 5
    assert list(records.sha256) == sorted(records.sha256)
    assert len(records.about["shards"]) == 3
    assert records.about["settings"]["short_side"] == 32
    expected = {"ok": 5, "corrupt": 2, "duplicate": 1, "greyscale": 1}
    assert records.about["counts"] == expected
    for record in records:
        assert min(Image.open(io.BytesIO(record.image)).size) == 32
        assert record.embedding is None
    with open(tmp_path / "out" / "audit.csv", newline="") as file:
        by_file = {Path(r["file"]).name: r for r in csv.DictReader(file)}
    kept = {row["sha256"] for row in by_file.values() if row["verdict"] == "ok"}
    assert kept == set(records.sha256)
    assert (tmp_path / "out" / "dropped.jpg").exists()


def test_what_it_makes_is_no_source(tmp_path: Path) -> None:
    """Nor is what is not named like a photograph, of which a line is said."""
    folder = jobs.folder(tmp_path / "in", 2)
    (folder / "a.dng").touch()
    for _ in range(2):
        code, _, errors = jobs.finish(folder, out=folder / "packed")
        assert (code, len(Records(folder / "packed"))) == (0, 2)
        others = "1 passed over, not named like photographs (.dng)"
        assert f"{folder}: {others}" in errors
    code, _, errors = jobs.finish(folder, out=folder)
    assert (code, len(errors)) == (1, 1)
    assert "--out is this folder itself; name another" in errors[0]


def test_odd_files_and_names_stop_nothing(tmp_path: Path) -> None:
    """Names that are no text, metadata that is none, and what is no file."""
    folder = jobs.folder(tmp_path / "in", 1)
    for i, name in enumerate((b"caf\xe9.png", b"caf\xe8.png"), start=1):
        (folder / os.fsdecode(name)).write_bytes(saved(jobs.picture(i), "PNG"))
    jobs.picture(3).save(folder / "exif.png", exif=b"garbagegarbage")
    os.mkfifo(folder / "pipe.png")
    code, _, errors = jobs.finish(folder, out=tmp_path / "out")
    assert (code, len(errors)) == (1, 1), errors
    assert "pipe.png: a pipe, socket or device, not a photograph" in errors[0]
    records = Records(tmp_path / "out")
    assert len(set(records.sha256)) == len(records) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["{in}", "nowhere"], "nowhere: no such file or folder"),
        ([], "name at least one folder"),
        (["{in}/empty"], "empty: no photograph in it"),
        (["{in}", "--quality=101"], "quality"),
        (["{in}", "--fit=stretch"], "fit"),
        (["{in}", "--min_chroma=900"], "none of 2 photographs is left"),
        (["{in}", "--features=vgg99"], "cannot be 'vgg99'"),
        (["{in}", "--out=/dev/null/x"], "cannot be written"),
        (["{in}", "--out={in}"], "--out is this folder itself"),
    ],
)
def test_one_line_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    folder = jobs.folder(tmp_path / "in", 2)
    (folder / "empty").mkdir()
    words = [word.replace("{in}", str(folder)) for word in arguments]
    _, _, module, *usual = jobs.command(out=tmp_path / "out")
    done = commands.run(module, *usual, *words)
    assert message in commands.complaint(done)
    assert not (tmp_path / "out" / "records.json").exists()
    assert not (folder / "progress").exists()


def test_audit_only_writes_no_records_and_binds_nothing(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 3), tmp_path / "out"
    assert jobs.finish(folder, "--audit_only", "--min_side=50", out=out)[0] == 0
    assert jobs.contents(out) == {}
    assert "small" in (out / "audit.csv").read_text()
    assert jobs.finish(folder, out=out)[0] == 0
    assert len(Records(out)) == 3


def test_other_photographs_or_flags_are_refused(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 3), tmp_path / "out"
    assert jobs.finish(folder, "--quality=80", out=out)[0] == 0
    before = jobs.contents(out)

    def job(quality: int) -> preparation.Job:
        form = reencode.Format(short_side=32, quality=quality)
        return jobs.job([str(folder)], out, form=form)

    def refused(quality: int = 80) -> str:
        with pytest.raises(UserError) as caught:
            preparation.run(job(quality))
        return str(caught.value)

    for finished in (True, False):
        if not finished:
            (out / "records.json").unlink()
        assert "--quality was 80 and is 90" in refused(90)
        jobs.picture(9).save(folder / "new.png")
        assert "new.png is new" in refused()
        (folder / "new.png").unlink()
        saved = (folder / "0.png").read_bytes()
        jobs.picture(9).save(folder / "0.png")
        assert "0.png is changed" in refused()
        (folder / "0.png").unlink()
        assert "0.png is gone" in refused()
        (folder / "0.png").write_bytes(saved)
    assert preparation.run(job(80))
    assert jobs.contents(out) == before
    (out / "progress" / "plan.json").unlink()
    assert "holds records, but not the plan" in refused()


def test_a_broken_shard_is_written_again(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 5), tmp_path / "out"
    jobs.finish(folder, "--shard=2", out=out)
    before = jobs.contents(out)
    shard = next(path for path in sorted(out.glob("*.array_record")))
    shard.write_bytes(b"\0" * shard.stat().st_size)
    code, _, errors = jobs.finish(folder, "--shard=2", out=out)
    assert (code, len(errors)) == (0, 0)  # sizes are right: only reading tells
    (out / "records.json").unlink()
    jobs.finish(folder, "--shard=2", out=out)
    assert jobs.contents(out) == before


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 2), tmp_path / "out"
    with lock.hold(out / "progress" / "lock", "--out"):
        code, _, errors = jobs.finish(folder, out=out)
    assert code == 1
    assert f"process {os.getpid()} on" in errors[0]
    assert jobs.finish(folder, out=out)[0] == 0


def test_killed_at_any_moment_the_records_are_the_same(
    server: str, tmp_path: Path
) -> None:
    kills = int(os.environ.get("COLORFLAX_KILLS", "4"))
    folder = jobs.folder(tmp_path / "in", 24, (600, 400))
    addresses = tmp_path / "list.txt"
    addresses.write_text("\n".join(f"{server}/{i}" for i in range(100, 116)))
    arguments = (folder, addresses, "--shard=3")
    start = time.monotonic()
    subprocess.run(
        jobs.command(*arguments, out=tmp_path / "whole"), cwd=commands.ROOT, check=True
    )
    took = time.monotonic() - start
    expected = jobs.contents(tmp_path / "whole")
    assert len(expected) == 2 + 14
    moments = random.Random(0)
    for _ in range(kills):
        process = subprocess.Popen(
            jobs.command(*arguments, out=tmp_path / "out"),
            cwd=commands.ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.4, 1) * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, content in jobs.contents(tmp_path / "out").items():
            assert content == expected[name]  # at no time is a part under a full name
        if (tmp_path / "out" / "records.json").exists():
            assert jobs.contents(tmp_path / "out") == expected
            shutil.rmtree(tmp_path / "out")
    assert jobs.finish(*arguments, out=tmp_path / "out")[0] == 0
    assert jobs.contents(tmp_path / "out") == expected


def test_a_full_disk_is_one_line_and_no_loss(tmp_path: Path) -> None:
    """Here the system refuses any file beyond 50,000 bytes; a shard has 64 KiB."""
    folder = jobs.folder(tmp_path / "in", 4)
    assert jobs.finish(folder, out=tmp_path / "whole")[0] == 0
    done = subprocess.run(
        [
            "bash",
            "-c",
            'ulimit -f 48; exec "$@"',
            "-",
            *jobs.command(folder, out=tmp_path / "out"),
        ],
        cwd=commands.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "cannot be written" in commands.complaint(done)
    assert jobs.contents(tmp_path / "out") == {}
    assert jobs.finish(folder, out=tmp_path / "out")[0] == 0
    assert jobs.contents(tmp_path / "out") == jobs.contents(tmp_path / "whole")
