"""A folder of more than a thousand files that are damaged, odd or dangerous."""

import io
import os
import socket
import struct
from pathlib import Path

import numpy as np
from encoded import png, saved
from PIL import Image, ImageCms, features

from colorflax.data import photographs


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
    newer = {"plain.avif": saved(rgb, "AVIF")} if features.check("avif") else {}
    return newer | {
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


def _damage(content: bytes, rng: np.random.Generator) -> dict[str, bytes]:
    n, damaged = len(content), {}
    for i in range(16):  # bit flips: few or many, in the header or anywhere
        flipped = np.frombuffer(content, np.uint8).copy()
        reach = min(n, 200) if i % 2 else n
        places = rng.integers(0, reach, (1, 3, 20, 100)[i // 4])
        flipped[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
        damaged[f"flip{i}"] = flipped.tobytes()
    for i, share in enumerate((0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.995)):
        damaged[f"cut{i}"] = content[: int(n * share)]
    for i in range(6):  # a hole of zeros, of ones, or bytes taken out
        start = int(rng.integers(0, n))
        fill = (bytes(40), b"\xff" * 40, b"")[i % 3]
        damaged[f"hole{i}"] = content[:start] + fill + content[start + 40 :]
    for i in range(6):  # counts, sizes and offsets become absurd
        at = int(rng.integers(0, min(n, 300)))
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


def fill(root: Path, every: int = 1) -> Path:
    """The folder of them all; of what damage at random has made, each `every`th."""
    rng = np.random.default_rng(7)
    originals = _originals()
    everything = {f"whole-{name}": content for name, content in originals.items()}
    for at, (name, content) in enumerate(originals.items()):
        stem, suffix = name.split(".")
        damage = list(_damage(content, rng).items())
        for how, damaged in damage[at % every :: every]:
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
        "whole-two\nlines\x1b.jpg": originals["plain.jpg"],
        f"whole-{'ü' * 122}x.jpg": originals["plain.jpg"],  # 255 bytes
    }  # fmt: skip
    for name, content in everything.items():
        (root / name).write_bytes(content)
    with open(os.fsencode(root) + b"/latin-\xe9\xff.jpg", "wb") as file:
        file.write(originals["plain.jpg"][:300])
    with open(os.fsencode(root) + b"/whole-\xe9\xff.jpg", "wb") as file:
        file.write(originals["plain.jpg"])
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
