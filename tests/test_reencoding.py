"""From a photograph to its record: shrunk, encoded again, kept in order."""

import hashlib
import io
import time
from pathlib import Path

import jobs
import numpy as np
import pytest
from PIL import Image

from colorflax.data import shards
from colorflax.data.decode import decode
from colorflax.data.records import Records
from colorflax.errors import UserError
from colorflax.preparation import packing, parallel, reencode


def _file(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def _encode(path: Path, form: reencode.Format) -> tuple[bytes, Image.Image]:
    encoded = reencode.encode(path.read_bytes(), decode(path, form.side), form)
    return encoded, Image.open(io.BytesIO(encoded))


def test_large_photographs_shrink_and_keep_their_shape(tmp_path: Path) -> None:
    form = reencode.Format(short_side=40)
    photo = jobs.picture(0, (300, 200))
    encoded, image = _encode(_file(tmp_path / "a.png", photo), form)
    assert (image.format, image.size, image.mode) == ("JPEG", (60, 40), "RGB")
    assert image.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # 4:4:4
    expected = np.asarray(photo.resize((60, 40), Image.Resampling.BICUBIC), int)
    assert np.abs(np.asarray(image, int) - expected).mean() < 3
    rough = _encode(tmp_path / "a.png", reencode.Format(short_side=40, quality=30))[0]
    assert len(rough) < len(encoded)


def test_padding_is_white_and_shows_everything(tmp_path: Path) -> None:
    form = reencode.Format(fit="pad", size=60)
    _, image = _encode(_file(tmp_path / "a.png", jobs.picture(0, (300, 200))), form)
    pixels = np.asarray(image, int)
    assert pixels.shape == (60, 60, 3)
    assert pixels[:8].min() > 235
    assert pixels[-8:].min() > 235
    expected = np.asarray(jobs.picture(0, (300, 200)).resize((60, 40)), int)
    assert np.abs(pixels[10:50] - expected)[4:-4].mean() < 3


def test_originals_are_kept_where_nothing_is_gained(tmp_path: Path) -> None:
    form = reencode.Format(short_side=40)
    small = _file(tmp_path / "a.jpg", jobs.picture(0), quality=80)
    assert _encode(small, form)[0] == small.read_bytes()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    for name, options in (
        ("large.jpg", {"quality": 100, "subsampling": 0}),
        ("tagged.jpg", {"quality": 80, "exif": exif}),
        ("lossless.png", {}),
    ):
        path = _file(tmp_path / name, jobs.picture(0), **options)
        encoded, image = _encode(path, form)
        assert encoded != path.read_bytes(), name
        assert image.size == (60, 40)
        assert not image.getexif()
    tall = _file(tmp_path / "tall.jpg", jobs.picture(0, (60, 41)), quality=30)
    assert _encode(tall, form)[1].size == (59, 40)


def test_a_changed_file_is_not_packed(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.png", jobs.picture(0))
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


def test_embeddings_are_kept_in_order(tmp_path: Path) -> None:
    """A stand-in for the network: the mean of what it sees."""
    folder = jobs.folder(tmp_path / "in", 7)
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
