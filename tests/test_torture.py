"""A thousand damaged files: each is decoded or named with its reason, none kills."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chamber import fill
from PIL import Image, ImageSequence

from colorflax.data import index, photographs
from colorflax.data.decode import decode
from colorflax.errors import UserError

ROOT = Path(__file__).parent.parent
Verdicts = tuple[dict[str, Any], dict[str, float], int]


@pytest.fixture(scope="module")
def chamber(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of them all."""
    return fill(tmp_path_factory.mktemp("chamber"))


_CHILD = """
import json, os, resource, signal, sys, time, warnings
from pathlib import Path
from colorflax.data.decode import decode
from colorflax.data.photographs import list_files
from colorflax.errors import UserError
warnings.simplefilter("error")
decode(Path(sys.argv[1]) / "whole-tagged.jpg")
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
for path in list_files(Path(sys.argv[1])):
    signal.alarm(10)
    start = time.perf_counter()
    try:
        image = decode(path)
        said = [image.mode, *image.size]
    except UserError as error:
        said = str(error)
    row = [os.fsencode(path).decode("latin-1"), said, time.perf_counter() - start]
    print(json.dumps(row), flush=True)
# Not ru_maxrss, which begins at what the parent had when it forked.
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.fixture(scope="module")
def verdicts(chamber: Path) -> Verdicts:
    """What became of each, how long it took, and the kilobytes it all took."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(chamber)], cwd=ROOT, capture_output=True,
        text=True, env=os.environ | {"JAX_PLATFORMS": "cpu"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout[-300:], done.stderr[-2000:])
    assert done.stderr == ""
    *rows, peak = done.stdout.splitlines()
    said, seconds = {}, {}
    for row in rows:
        name, said_of, took = json.loads(row)
        said[os.path.basename(name)] = said_of
        seconds[os.path.basename(name)] = took
    return said, seconds, int(peak)


def test_every_file_is_decoded_or_named(chamber: Path, verdicts: Verdicts) -> None:
    said, seconds, peak = verdicts
    assert len(said) > 1_000
    assert max(seconds.values()) < 5
    assert peak < 1_200_000  # kB
    decoded = {name for name, what in said.items() if isinstance(what, list)}
    for name, what in said.items():
        if name in decoded:
            assert what[0] == "RGB"
        else:
            assert isinstance(what, str)
            assert what.startswith(f"{chamber}/"), what
            assert what.isprintable(), what
            assert len(what) < 400, what
    assert 150 < len(decoded) < len(said) - 300
    for name in said:
        if name.startswith(("whole-", "wrong-", "exif", "icc")):
            assert name in decoded, said[name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bomb.png", "claims to be larger than the 179 megapixels"),
        ("flat.png", "claims to be larger than"),
        ("bomb.jpg", "claims to be larger than"),
        ("bomb.gif", "claims to be larger than"),
        ("bomb.bmp", "claims to be larger than"),
        ("warned.png", "a damaged picture"),
        ("empty.jpg", "not a picture that can be read"),
        ("program.jpg", "not a picture that can be read"),
        ("loop.jpg", "cannot be read (Too many levels of symbolic links)"),
        ("nowhere.jpg", "no such file"),
        ("endless.jpg", "a pipe, socket or device, not a photograph"),
        ("pipe.jpg", "a pipe, socket or device, not a photograph"),
        ("socket.jpg", "a pipe, socket or device, not a photograph"),
    ],
)
def test_reasons(verdicts: Verdicts, name: str, reason: str) -> None:
    assert reason in str(verdicts[0][name])


def test_odd_names_are_escaped(
    verdicts: Verdicts,
) -> None:
    said = verdicts[0]
    assert r"two\nlines.jpg: " in str(said["two\nlines.jpg"])
    assert r"tab\tand\x1b[31mred.jpg: " in str(said["tab\tand\x1b[31mred.jpg"])
    assert r"latin-\xe9\xff.jpg: " in str(said["latin-\xe9\xff.jpg"])
    utf8 = "ünï.jpg".encode().decode("latin-1")
    assert "ünï.jpg: " in str(said[utf8])


@pytest.mark.usefixtures("own_places")
def test_the_folder_is_read_and_judged(chamber: Path) -> None:
    """Also its index, in threads, names and all; what is left is not trained on."""
    entries = index.read(photographs.list_files(chamber), str(chamber))
    bad = [e for e in entries if e.error]
    with pytest.raises(UserError) as caught:
        photographs.folder(chamber, max_bad_percent=5.0)
    message = str(caught.value)
    assert f"{len(bad)} of {len(entries)} files cannot be used" in message
    assert "more than --config.data.max_bad_percent=5): " in message
    assert message.count("; ") == 3
    assert message.isprintable()
    found = photographs.folder(chamber)
    assert {p.sha256 for p in found} == {e.sha256 for e in entries if not e.error}


_QUIET = """
import warnings
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from colorflax.data.quiet import quiet

def corrupt(i):
    exif = Image.Exif()
    exif.load(b"Exif\\0\\0MM\\0*\\0\\0\\0\\x08\\0\\x09" + bytes(i))
    dict(exif)

def often(i):
    for _ in range(30):
        with quiet():
            corrupt(i)
    return i

before = list(warnings.filters)
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(often, range(16))) == list(range(16))
assert list(warnings.filters) == before
print("quiet until here")
corrupt(5)
"""


def test_quiet_in_threads() -> None:
    """No warning passes from any thread; the rules are afterwards what they were.

    In a process of its own: threads that read ahead for other tests may decode too.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _QUIET],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "quiet until here\n"
    assert "UserWarning: Corrupt EXIF" in done.stderr


def test_first_frame_of_an_animation(chamber: Path) -> None:
    for name in ("whole-moving.gif", "whole-moving.webp"):
        with Image.open(chamber / name) as image:
            frames = [
                np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)
            ]
        assert len(frames) == 3
        np.testing.assert_array_equal(np.asarray(decode(chamber / name)), frames[0])
