"""The command itself: bad input, downloads, and being killed at any moment."""

import csv
import dataclasses
import hashlib
import http.server
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import commands
import numpy as np
import pytest
from PIL import Image

from colorflax import lock, prepare
from colorflax.data import shards
from colorflax.data.decode import decode
from colorflax.data.records import Records
from colorflax.errors import UserError
from colorflax.preparation import audit, download, packing, parallel, reencode
from colorflax.preparation import run as preparation

ROOT = Path(__file__).parent.parent
QUICK = download.Limits(timeout=0.5, retries=1, backoff=0.01, max_megabytes=0.05)


def _picture(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Smooth blobs of many hues: a photograph, for all the audit can tell."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 9, 3), np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def _folder(root: Path, n: int, size: tuple[int, int] = (60, 40)) -> Path:
    root.mkdir(parents=True)
    for i in range(n):
        _picture(i, size).save(root / f"{i}.png")
    return root


def _command(*arguments: object, out: Path) -> list[str]:
    flags = [f"--out={out}", "--short_side=32", "--min_side=16", "--threads=2"]
    words = [str(word) for word in arguments]
    return [sys.executable, "-m", "colorflax.prepare", *flags, *words]


def _run(*arguments: object, out: Path) -> tuple[int, str, list[str]]:
    """Exit code, stdout, and the lines of stderr."""
    _, _, module, *words = _command(*arguments, out=out)
    done = commands.run(module, *words)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr.splitlines()


def _bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("records*")}


# Re-encoding


def _file(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def _encode(path: Path, form: reencode.Format) -> tuple[bytes, Image.Image]:
    encoded = reencode.encode(path.read_bytes(), decode(path, form.side), form)
    return encoded, Image.open(io.BytesIO(encoded))


def test_large_photographs_shrink_and_keep_their_shape(tmp_path: Path) -> None:
    form = reencode.Format(short_side=40)
    photo = _picture(0, (300, 200))
    encoded, image = _encode(_file(tmp_path / "a.png", photo), form)
    assert (image.format, image.size, image.mode) == ("JPEG", (60, 40), "RGB")
    assert image.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # 4:4:4
    expected = np.asarray(photo.resize((60, 40), Image.Resampling.BICUBIC), int)
    assert np.abs(np.asarray(image, int) - expected).mean() < 3
    rough = _encode(tmp_path / "a.png", reencode.Format(short_side=40, quality=30))[0]
    assert len(rough) < len(encoded)


def test_padding_is_white_and_shows_everything(tmp_path: Path) -> None:
    form = reencode.Format(fit="pad", size=60)
    _, image = _encode(_file(tmp_path / "a.png", _picture(0, (300, 200))), form)
    pixels = np.asarray(image, int)
    assert pixels.shape == (60, 60, 3)
    assert pixels[:8].min() > 235
    assert pixels[-8:].min() > 235
    expected = np.asarray(_picture(0, (300, 200)).resize((60, 40)), int)
    assert np.abs(pixels[10:50] - expected)[4:-4].mean() < 3


def test_originals_are_kept_where_nothing_is_gained(tmp_path: Path) -> None:
    form = reencode.Format(short_side=40)
    small = _file(tmp_path / "a.jpg", _picture(0), quality=80)
    assert _encode(small, form)[0] == small.read_bytes()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    for name, options in (
        ("large.jpg", {"quality": 100, "subsampling": 0}),
        ("tagged.jpg", {"quality": 80, "exif": exif}),
        ("lossless.png", {}),
    ):
        path = _file(tmp_path / name, _picture(0), **options)
        encoded, image = _encode(path, form)
        assert encoded != path.read_bytes(), name
        assert image.size == (60, 40)
        assert not image.getexif()
    tall = _file(tmp_path / "tall.jpg", _picture(0, (60, 41)), quality=30)
    assert _encode(tall, form)[1].size == (59, 40)


def test_a_changed_file_is_not_packed(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.png", _picture(0))
    with pytest.raises(UserError, match=r"a\.png: changed since the audit"):
        reencode.load(path, "0" * 64, 32)
    path.unlink()
    with pytest.raises(UserError, match=r"a\.png: gone since the audit"):
        reencode.load(path, "0" * 64, 32)


def test_ordered_keeps_order_and_stops_at_the_first_problem() -> None:
    started = []

    def work(i: int) -> int:
        started.append(i)
        time.sleep(0.002 * (i % 3))
        if i == 20:
            raise UserError("twenty")
        return i

    results = parallel.ordered(work, range(1000), 3)
    assert [next(results) for _ in range(20)] == list(range(20))
    with pytest.raises(UserError, match="twenty"):
        next(results)
    assert max(started) < 60
    assert list(parallel.ordered(str, iter(range(50)), 4)) == [*map(str, range(50))]
    assert list(parallel.ordered(str, [], 4)) == []


# Downloads


class _Handler(http.server.BaseHTTPRequestHandler):
    hits: dict[str, int]

    def do_GET(self) -> None:
        name = self.path.strip("/").split("?")[0]
        self.hits[name] = self.hits.get(name, 0) + 1
        jpeg = io.BytesIO()
        _picture(int(name) if name.isdigit() else 0).save(jpeg, "JPEG")
        body, code, head = jpeg.getvalue(), 200, {}
        if name in ("404", "500") or (name == "flaky" and self.hits[name] == 1):
            code = int(name) if name.isdigit() else 503
        elif name.startswith("to-"):
            target = {"to-file": "file:///etc/passwd", "to-ftp": "ftp://127.0.0.1/x"}
            code, head = 302, {"Location": target.get(name, "/" + name[3:])}
        elif name == "large":
            body = b"x" * 60_000
        elif name == "page":
            body = b"<html>gone"
        if name == "slow":
            time.sleep(1.5)
        self.send_response(code)
        for key, value in head.items():
            self.send_header(key, value)
        if name not in ("endless", "drip"):
            extra = 100 if name == "cut" else 0
            self.send_header("Content-Length", str(len(body) + extra))
        self.end_headers()
        try:
            for _ in range(100 if name == "endless" else 1):
                self.wfile.write(body)
            for _ in range(30 if name == "drip" else 0):
                self.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass  # the client had enough

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, int]]]:
    hits: dict[str, int] = {}
    handler = type("Handler", (_Handler,), {"hits": hits})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", hits
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "problem", "tries"),
    [
        ("1", None, 1),
        ("flaky", None, 2),
        ("to-1", None, 1),
        ("404", "the server says 404 Not Found", 1),
        ("500", "the server says 500 .*, tried 2 times", 2),
        ("slow", "timed out.*, tried 2 times", 2),
        ("cut", "the connection broke .* bytes came.*, tried 2 times", 2),
        ("large", "longer than --max_megabytes=0.05", 1),
        ("endless", "longer than --max_megabytes=0.05", 1),
        ("to-file", "redirects to file:///etc/passwd, which is not http", 1),
        ("to-ftp", "redirects to ftp://127.0.0.1/x, which is not http", 1),
    ],
)
def test_fetch(
    server: tuple[str, dict[str, int]],
    tmp_path: Path,
    name: str,
    problem: str | None,
    tries: int,
) -> None:
    url, hits = server
    target = tmp_path / "target"
    found = download.fetch(f"{url}/{name}", target, QUICK)
    assert hits[name] == tries
    if problem is None:
        assert found is None
        assert target.read_bytes().endswith(b"\xff\xd9")
        hits.clear()
        assert download.fetch(f"{url}/{name}", target, QUICK) is None
        assert hits == {}  # what is there is not fetched again
    else:
        assert found is not None
        assert re.search(problem, found), found
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "not an http or https address"),
        ("photo.jpg", "not an http or https address"),
        ("http://", "no"),
        ("http://127.0.0.1:1/ä b.jpg", "no answer"),
        ("http://[::1/x", "not an address|no answer"),
    ],
)
def test_fetch_of_what_is_no_address(tmp_path: Path, url: str, problem: str) -> None:
    found = download.fetch(url, tmp_path / "a", QUICK)
    assert found is not None
    assert re.search(problem, found), found


def test_a_server_that_drips_is_given_up(
    server: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    limits = download.Limits(timeout=5.0, patience=0.4, retries=0)
    start = time.monotonic()
    found = download.fetch(f"{server[0]}/drip", tmp_path / "a", limits)
    assert time.monotonic() - start < 2
    assert found is not None
    assert "not whole after 0.4 s" in found


def test_list_of_addresses(tmp_path: Path) -> None:
    text = "\ufeff# photographs\n\nhttp://a/1 # one\r\n http://a/2#top \nhttp://a/1\n"
    (tmp_path / "list").write_bytes(text.encode())
    assert download.read_list(tmp_path / "list") == ["http://a/1", "http://a/2#top"]


def test_downloads_end_to_end(
    server: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    url, hits = server
    names = ["1", "404", "2", "page", "to-file", "3"]
    addresses = tmp_path / "list.txt"
    addresses.write_text("\n".join(f"{url}/{name}" for name in names))
    code, output, errors = _run(addresses, "--retries=0", out=tmp_path / "out")
    assert code == 1
    assert sorted(line.split(": ")[0] for line in errors) == sorted(
        f"{url}/{name}" for name in ("404", "page", "to-file")
    )
    assert "2  33.33 %  could not be downloaded" in output
    assert len(Records(tmp_path / "out")) == 3
    # Finished is finished, also without the downloads and the server.
    before = _bytes(tmp_path / "out")
    for path in (tmp_path / "out" / "downloads").iterdir():
        path.unlink()
    hits.clear()
    code, output, _ = _run(addresses, "--retries=0", out=tmp_path / "out")
    assert (code, hits) == (1, {})
    assert "complete with 3 records" in output
    assert _bytes(tmp_path / "out") == before


# The command


def test_bad_files_are_named_and_the_others_done(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "in", 5)
    (folder / "cut.jpg").write_bytes((folder / "0.png").read_bytes()[:300])
    (folder / "text.png").write_text("hello")
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    _picture(0).convert("L").save(folder / "grey.png")
    code, output, errors = _run(folder, "--shard=2", out=tmp_path / "out")
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
    ],
)
def test_one_line_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    folder = _folder(tmp_path / "in", 2)
    (folder / "empty").mkdir()
    words = [word.replace("{in}", str(folder)) for word in arguments]
    _, _, module, *usual = _command(out=tmp_path / "out")
    done = commands.run(module, *usual, *words)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "out" / "records.json").exists()


def test_audit_only_writes_no_records_and_binds_nothing(tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "in", 3), tmp_path / "out"
    assert _run(folder, "--audit_only", "--min_side=50", out=out)[0] == 0
    assert _bytes(out) == {}
    assert "small" in (out / "audit.csv").read_text()
    assert _run(folder, out=out)[0] == 0
    assert len(Records(out)) == 3


def test_other_photographs_or_flags_are_refused(tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "in", 3), tmp_path / "out"
    assert _run(folder, "--quality=80", out=out)[0] == 0
    before = _bytes(out)

    def refused(quality: int = 80) -> str:
        with pytest.raises(UserError) as caught:
            preparation.run(_job(folder, out, quality))
        return str(caught.value)

    for finished in (True, False):
        if not finished:
            (out / "records.json").unlink()
        assert "--quality was 80 and is 90" in refused(90)
        _picture(9).save(folder / "new.png")
        assert "new.png is new" in refused()
        (folder / "new.png").unlink()
        saved = (folder / "0.png").read_bytes()
        _picture(9).save(folder / "0.png")
        assert "0.png is changed" in refused()
        (folder / "0.png").unlink()
        assert "0.png is gone" in refused()
        (folder / "0.png").write_bytes(saved)
    assert preparation.run(_job(folder, out, 80))
    assert _bytes(out) == before
    (out / "progress" / "plan.json").unlink()
    assert "holds records, but not the plan" in refused()


def _job(folder: Path, out: Path, quality: int) -> preparation.Job:
    """What the command makes of `_command(folder, --quality=quality)`."""
    return preparation.Job(
        names=[str(folder)],
        out=out,
        audit_only=False,
        threads=1,
        form=reencode.Format(short_side=32, quality=quality),
        packing=packing.Packing(),
        thresholds=audit.Thresholds(min_side=16),
        limits=download.Limits(),
        embedding=dataclasses.asdict(prepare.Features()),
        embedder=None,
    )


def test_a_broken_shard_is_written_again(tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "in", 5), tmp_path / "out"
    _run(folder, "--shard=2", out=out)
    before = _bytes(out)
    shard = next(path for path in sorted(out.glob("*.array_record")))
    shard.write_bytes(b"\0" * shard.stat().st_size)
    code, _, errors = _run(folder, "--shard=2", out=out)
    assert (code, len(errors)) == (0, 0)  # sizes are right: only reading tells
    (out / "records.json").unlink()
    _run(folder, "--shard=2", out=out)
    assert _bytes(out) == before


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder, out = _folder(tmp_path / "in", 2), tmp_path / "out"
    with lock.hold(out / "progress" / "lock", "--out"):
        code, _, errors = _run(folder, out=out)
    assert code == 1
    assert f"process {os.getpid()} on" in errors[0]
    assert _run(folder, out=out)[0] == 0


def test_killed_at_any_moment_the_records_are_the_same(
    server: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    kills = int(os.environ.get("COLORFLAX_KILLS", "4"))
    folder = _folder(tmp_path / "in", 24, (600, 400))
    addresses = tmp_path / "list.txt"
    addresses.write_text("\n".join(f"{server[0]}/{i}" for i in range(100, 116)))
    arguments = (folder, addresses, "--shard=3")
    start = time.monotonic()
    subprocess.run(_command(*arguments, out=tmp_path / "whole"), cwd=ROOT, check=True)
    took = time.monotonic() - start
    expected = _bytes(tmp_path / "whole")
    assert len(expected) == 2 + 14
    moments = random.Random(0)
    for _ in range(kills):
        process = subprocess.Popen(
            _command(*arguments, out=tmp_path / "out"),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.4, 1) * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for name, content in _bytes(tmp_path / "out").items():
            assert content == expected[name]  # at no time is a part under a full name
        if (tmp_path / "out" / "records.json").exists():
            assert _bytes(tmp_path / "out") == expected
            shutil.rmtree(tmp_path / "out")
    assert _run(*arguments, out=tmp_path / "out")[0] == 0
    assert _bytes(tmp_path / "out") == expected


def test_a_full_disk_is_one_line_and_no_loss(tmp_path: Path) -> None:
    """Here the system refuses any file beyond 50,000 bytes; a shard has 64 KiB."""
    folder = _folder(tmp_path / "in", 4)
    assert _run(folder, out=tmp_path / "whole")[0] == 0
    done = subprocess.run(
        [
            "bash",
            "-c",
            'ulimit -f 48; exec "$@"',
            "-",
            *_command(folder, out=tmp_path / "out"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert _bytes(tmp_path / "out") == {}
    assert _run(folder, out=tmp_path / "out")[0] == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")


def test_embeddings_are_kept_in_order(tmp_path: Path) -> None:
    """A stand-in for the network: the mean of what it sees."""
    folder = _folder(tmp_path / "in", 7)
    photographs = sorted(
        (hashlib.sha256(path.read_bytes()).hexdigest(), path)
        for path in folder.iterdir()
    )
    seen = []

    def embed(pictures: np.ndarray, batch: int) -> np.ndarray:
        seen.append(len(pictures))
        assert len(pictures) <= batch
        return pictures.mean(axis=(1, 2)).astype(np.float32)

    embedder = packing.Embedder(
        side=8, fit=lambda im: np.asarray(im.resize((8, 8))), embed=embed
    )
    form, pack = reencode.Format(short_side=32), packing.Packing(shard=4, batch=3)
    packing.write_shards(tmp_path, photographs, form, pack, embedder, 2)
    assert seen == [3, 1, 3]
    shards.finish(tmp_path, [sha for sha, _ in photographs], 4, {"backbone": None})
    for record, (sha256, path) in zip(Records(tmp_path), photographs, strict=True):
        assert record.sha256 == sha256
        expected = np.asarray(Image.open(path).resize((8, 8))).mean(axis=(0, 1))
        np.testing.assert_allclose(record.embedding, expected, rtol=1e-3)
