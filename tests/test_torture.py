"""A thousand damaged files: each is decoded or named with its reason, none kills."""

import io
import itertools
import json
import os
import re
import socket
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoded import png, saved
from PIL import Image, ImageCms, ImageSequence

from colorflax import config
from colorflax.data import index, library, photographs, pipeline
from colorflax.data.decode import decode
from colorflax.data.quiet import quiet
from colorflax.errors import UserError
from configs import fusion

ROOT = Path(__file__).parent.parent
RNG = np.random.default_rng(7)
Verdicts = tuple[dict[str, Any], dict[str, float], int]


def _originals() -> dict[str, bytes]:
    """Small undamaged files of every kind, made from real photographs."""
    sources = [p.open() for p in photographs.builtin()[:3]]
    rgb, other, third = (image.resize((96, 64)) for image in sources)
    wide = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    clear = rgb.copy()
    clear.putalpha(other.convert("L"))
    palette = clear.quantize(32)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x0132] = 6, "a description", "2001:01:01 00:00:00"
    frames = {"save_all": True, "append_images": [other, third], "duration": 40}
    return {
        "plain.jpg": saved(rgb, "JPEG"),
        "progressive.jpg": saved(rgb, "JPEG", progressive=True),
        "tagged.jpg": saved(rgb, "JPEG", exif=exif, icc_profile=profile),
        "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG"),
        "grey.jpg": saved(rgb.convert("L"), "JPEG"),
        "plain.png": saved(rgb, "PNG"),
        "tagged.png": saved(rgb, "PNG", exif=exif, icc_profile=profile),
        "deep.png": saved(wide, "PNG"),
        "palette.png": saved(palette, "PNG", transparency=bytes(range(0, 256, 8))),
        "clear.png": saved(clear, "PNG"),
        "plain.webp": saved(rgb, "WEBP"),
        "lossless.webp": saved(rgb, "WEBP", lossless=True, exif=exif),
        "moving.webp": saved(rgb, "WEBP", **frames),
        "plain.tif": saved(rgb, "TIFF"),
        "lzw.tif": saved(rgb, "TIFF", compression="tiff_lzw"),
        "jpeg.tif": saved(rgb, "TIFF", compression="jpeg"),
        "cmyk.tif": saved(rgb.convert("CMYK"), "TIFF", icc_profile=profile),
        "deep.tif": saved(wide, "TIFF", compression="tiff_adobe_deflate"),
        "plain.gif": saved(rgb, "GIF"),
        "moving.gif": saved(rgb, "GIF", **frames),
        "palette.gif": saved(palette, "GIF", transparency=3),
        "plain.bmp": saved(rgb, "BMP"),
        "point.png": saved(rgb.resize((1, 1)), "PNG"),
        "point.jpg": saved(rgb.resize((1, 1)), "JPEG"),
    }


def _damage(content: bytes) -> dict[str, bytes]:
    n, damaged = len(content), {}
    for i in range(16):  # bit flips: few or many, in the header or anywhere
        flipped = np.frombuffer(content, np.uint8).copy()
        reach = min(n, 200) if i % 2 else n
        places = RNG.integers(0, reach, (1, 3, 20, 100)[i // 4])
        flipped[places] ^= (1 << RNG.integers(0, 8, len(places))).astype(np.uint8)
        damaged[f"flip{i}"] = flipped.tobytes()
    for i, share in enumerate((0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.995)):
        damaged[f"cut{i}"] = content[: int(n * share)]
    for i in range(6):  # a hole of zeros, of ones, or bytes taken out
        start = int(RNG.integers(0, n))
        fill = (bytes(40), b"\xff" * 40, b"")[i % 3]
        damaged[f"hole{i}"] = content[:start] + fill + content[start + 40 :]
    for i in range(6):  # counts, sizes and offsets become absurd
        at = int(RNG.integers(0, min(n, 300)))
        absurd = struct.pack("<I", (0, 2**31, 2**32 - 1)[i % 3])
        damaged[f"absurd{i}"] = content[:at] + absurd + content[at + 4 :]
    damaged["tail"] = content + bytes(2000)
    damaged["twice"] = content + content
    return damaged


def _bombs(originals: dict[str, bytes]) -> dict[str, bytes]:
    """Small files that claim, or unpack to, enormous pictures."""
    jpeg = bytearray(originals["plain.jpg"])
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 50_000, 50_000)
    gif = bytearray(originals["plain.gif"])
    gif[6:10] = struct.pack("<HH", 50_000, 50_000)
    bmp = bytearray(originals["plain.bmp"])
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    return {
        "bomb.png": png(50_000, 50_000, 8, 2, b""),
        "bomb.jpg": bytes(jpeg),
        "bomb.gif": bytes(gif),
        "bomb.bmp": bytes(bmp),
        "flat.png": png(50_000, 50_000, 8, 2, bytes(10_000_000)),
        "warned.png": png(10_000, 10_000, 8, 2, b""),  # Pillow warns, but goes on
    }


def _tags(originals: dict[str, bytes]) -> dict[str, bytes]:
    """Pictures that are whole, with metadata that is not."""
    image = Image.open(io.BytesIO(originals["plain.png"]))
    far = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\xff\xff\0\0\xff\xff"
    exifs = (b"Exif\0\0", b"Exif\0\0MM\0*", b"nonsense", far, b"Exif\0\0" + bytes(90))
    profiles = (b"", b"x", bytes(128), b"\xff" * 4000)
    found = {}
    for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")):
        for i, exif in enumerate(exifs):
            found[f"exif{i}.{suffix}"] = saved(image, kind, exif=exif)
        for i, icc in enumerate(profiles):
            found[f"icc{i}.{suffix}"] = saved(image, kind, icc_profile=icc)
    return found


@pytest.fixture(scope="module")
def chamber(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of them all."""
    root = tmp_path_factory.mktemp("chamber")
    originals = _originals()
    everything = {f"whole-{name}": content for name, content in originals.items()}
    for name, content in originals.items():
        stem, suffix = name.split(".")
        for how, damaged in _damage(content).items():
            everything[f"{stem}-{suffix}-{how}.{suffix}"] = damaged
    everything |= _bombs(originals) | _tags(originals)
    names = list(originals)
    for one, other in zip(names, names[7:] + names[:7], strict=True):
        everything[f"wrong-{one}.{other.split('.')[1]}"] = originals[one]
    everything |= {
        "empty.jpg": b"", "empty.tif": b"", "text.png": b"hello\n",
        "null.gif": bytes(99),
        "program.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "two\nlines.jpg": b"x", "tab\tand\x1b[31mred.jpg": b"x", "ünï.jpg": b"x",
    }  # fmt: skip
    for name, content in everything.items():
        (root / name).write_bytes(content)
    with open(os.fsencode(root) + b"/latin-\xe9\xff.jpg", "wb") as file:
        file.write(originals["plain.jpg"][:300])
    (root / "loop.jpg").symlink_to("pool.jpg")
    (root / "pool.jpg").symlink_to("loop.jpg")
    (root / "nowhere.jpg").symlink_to("gone.jpg")
    (root / "endless.jpg").symlink_to("/dev/zero")
    (root / "inner").mkdir()
    (root / "inner" / "up").symlink_to("..")
    (root / "album.jpg").mkdir()
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)  # a socket's address has at most 107 bytes
        try:
            server.bind("socket.jpg")
        finally:
            os.chdir(here)
    if os.geteuid() != 0:
        (root / "locked.jpg").write_bytes(originals["plain.jpg"])
        (root / "locked.jpg").chmod(0)
    return root


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
    # libtiff is C and prints its own complaints, such as "ZIPDecode: Decoding error".
    libtiff = re.compile(r"(_?[A-Z]\w+|tempfile\.tif): (?!.*Warning)")
    ours = [line for line in done.stderr.splitlines() if not libtiff.match(line)]
    assert ours == []
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


@pytest.mark.parametrize(("bad", "fails"), [(2, False), (3, True)])
def test_share_of_bad_files(photos: str, tmp_path: Path, bad: int, fails: bool) -> None:
    content = (Path(photos) / "0.png").read_bytes()
    for i in range(40):
        (tmp_path / f"{i:02}.png").write_bytes(b"" if i < bad else content)
    values = fusion.get_config().to_dict()["data"]
    values |= {"source": f"folder:{tmp_path}", "validation_percent": 0.0}
    settings = config.parse(fusion.get_config().to_dict() | {"data": values}).data
    if fails:
        with pytest.raises(UserError, match=r"3 of 40 .*\(7\.5 %.*=5\): .*00\.png: "):
            library.find(settings)
    else:
        assert len(library.find(settings).training) == 1


@pytest.mark.parametrize("how", ["removed", "replaced", "damaged"])
def test_a_photograph_that_changes_stops_the_run(
    photos: str, tmp_path: Path, how: str
) -> None:
    for path in Path(photos).glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = photographs.folder(tmp_path)
    victim = found[5].read().picture
    assert isinstance(victim, Path)
    os.utime(victim, (1, 1))  # another date, however coarse the clock
    match how:
        case "removed":
            victim.unlink()
        case "replaced":
            victim.write_bytes(b"another")
        case "damaged":
            victim.write_bytes(victim.read_bytes()[:100])
    settings = config.parse(fusion.get_config()).data
    batches = pipeline.training_batches(found, None, settings, seed=0, batch_size=4)
    with pytest.raises(UserError, match=rf"{victim.name}: .* since the run began") as e:
        for _ in itertools.islice(batches, 6):
            pass
    assert "\n" not in str(e.value)


_WORKERS = """
import dataclasses, sys
from pathlib import Path
from colorflax import cli, config
from colorflax.data import photographs, pipeline
from configs import fusion

def main(argv):
    found = photographs.folder(Path(argv[1]))
    found[5].read().picture.unlink()
    settings = config.parse(fusion.get_config()).data
    settings = dataclasses.replace(settings, workers=1)
    for _ in pipeline.training_batches(found, None, settings, seed=0, batch_size=4):
        pass

if __name__ == "__main__":
    cli.run(main)
"""


def test_a_photograph_that_disappears_from_workers(photos: str, tmp_path: Path) -> None:
    for path in Path(photos).glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "script.py").write_text(_WORKERS)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path], cwd=ROOT,
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.returncode == 1
    *progress, last = done.stderr.splitlines()
    assert re.fullmatch(r"colorflax: .*png: .*disappeared since the run .*", last)
    assert len(progress) <= 1, done.stderr


def test_quiet_in_threads() -> None:
    """No warning passes from any thread; the rules are afterwards what they were."""
    before = list(warnings.filters)

    def corrupt(i: int) -> int:
        for _ in range(30):
            with quiet():
                exif = Image.Exif()
                exif.load(b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + bytes(i))
                dict(exif)
        return i

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(corrupt, range(16))) == list(range(16))
    assert list(warnings.filters) == before
    with pytest.raises(UserWarning, match="Corrupt EXIF"):
        dict(_loaded())


def _loaded() -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + bytes(5))
    return exif


def test_first_frame_of_an_animation(chamber: Path) -> None:
    for name in ("whole-moving.gif", "whole-moving.webp"):
        with Image.open(chamber / name) as image:
            frames = [
                np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)
            ]
        assert len(frames) == 3
        np.testing.assert_array_equal(np.asarray(decode(chamber / name)), frames[0])
