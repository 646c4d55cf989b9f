"""What `colorflax.prepare` is given to do, and what it leaves."""

import dataclasses
import io
import sys
from pathlib import Path
from typing import Any

import commands
import numpy as np
from PIL import Image

from colorflax import prepare
from colorflax.preparation import audit, download, packing, reencode
from colorflax.preparation.job import Job


def picture(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Smooth blobs of many hues: a photograph, for all the audit can tell."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 9, 3), np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def jpeg(seed: int) -> bytes:
    """That picture as a file."""
    file = io.BytesIO()
    picture(seed).save(file, "JPEG")
    return file.getvalue()


def folder(root: Path, n: int, size: tuple[int, int] = (60, 40)) -> Path:
    """Of that many pictures."""
    root.mkdir(parents=True)
    for i in range(n):
        picture(i, size).save(root / f"{i}.png")
    return root


def command(*arguments: object, out: Path) -> list[str]:
    """For pictures as small as these."""
    flags = [f"--out={out}", "--short_side=32", "--min_side=16", "--threads=2"]
    words = [str(word) for word in arguments]
    return [sys.executable, "-m", "colorflax.prepare", *flags, *words]


def finish(*arguments: object, out: Path) -> tuple[int, str, list[str]]:
    """Exit code, stdout, and the lines of stderr."""
    _, _, module, *words = command(*arguments, out=out)
    done = commands.run(module, *words)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr.splitlines()


def contents(out: Path) -> dict[str, bytes]:
    """All records, byte for byte."""
    return {path.name: path.read_bytes() for path in out.glob("records*")}


def job(names: list[str], out: Path, **changes: Any) -> Job:
    """What the command makes of its flags, without embeddings."""
    plain = Job(
        names=names,
        out=out,
        audit_only=False,
        refresh=False,
        threads=2,
        form=reencode.Format(short_side=32),
        packing=packing.Packing(),
        thresholds=audit.Thresholds(min_side=16),
        limits=download.Limits(),
        embedding=dataclasses.asdict(prepare.Features()),
        embedder=None,
    )
    return dataclasses.replace(plain, **changes)
