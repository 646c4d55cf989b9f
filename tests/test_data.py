"""Photographs to batches: complete, reproducible, and honest about bad files."""

import dataclasses
import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from colorflax import config
from colorflax.data import library, photographs, pipeline, views
from colorflax.data.decode import decode
from colorflax.errors import UserError
from configs import fusion

pytestmark = pytest.mark.usefixtures("own_places")
SETTINGS = dataclasses.replace(
    config.parse(fusion.get_config()).data, size=16, short_side=20, threads=2
)
RNG = np.random.default_rng(0)


def _photo(path: Path, size: tuple[int, int] = (40, 30), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def _folder(root: Path, n: int) -> photographs.Photographs:
    for i in range(n):
        _photo(root / f"{i}.png")
    return photographs.folder(root)


def _training(photos: photographs.Photographs, **options: int) -> itertools.islice:
    settings = dataclasses.replace(SETTINGS, workers=options.pop("workers", 0))
    defaults = {"seed": 3, "batch_size": 6}
    return pipeline.training_batches(photos, None, settings, **(defaults | options))


def _take(batches: itertools.islice, n: int) -> list[np.ndarray]:
    return [batch["rgb"] for batch in itertools.islice(batches, n)]


def test_builtin_photographs_are_real_and_in_colour() -> None:
    found, validation = library.find(SETTINGS)
    assert len(found) == 8
    for photo in found:
        rgb = np.asarray(photo.open(), np.int32)
        assert min(rgb.shape[:2]) >= 300
        assert np.abs(rgb - rgb.mean(-1, keepdims=True)).mean() > 2
    assert list(validation) == list(found)


def test_folder_splits_by_content(tmp_path: Path) -> None:
    settings = dataclasses.replace(
        SETTINGS, source=f"folder:{tmp_path / 'a'}", validation_percent=30.0
    )
    _folder(tmp_path / "a", 60)
    training, validation = ({p.sha256 for p in side} for side in library.find(settings))
    assert len(training) + len(validation) == 60
    assert not training & validation
    assert 6 <= len(validation) <= 30
    # Renamed, moved and joined by others, each stays on its side.
    for i, path in enumerate(sorted((tmp_path / "a").glob("*.png"))):
        target = tmp_path / "b" / str(i % 3) / f"new {path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    _folder(tmp_path / "b", 20)
    moved = dataclasses.replace(settings, source=f"folder:{tmp_path / 'b'}")
    for before, side in zip((training, validation), library.find(moved), strict=True):
        assert before <= {p.sha256 for p in side}


def test_folder_takes_each_content_once_and_leaves_out_what_is_bad(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = _photo(tmp_path / "good.jpg")
    (tmp_path / "copy.jpg").write_bytes(good.read_bytes())
    (tmp_path / "text.jpg").write_text("not a photograph")
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:400])
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").touch()
    _photo(tmp_path / ".hidden" / "x.png")
    for _ in range(2):  # the second time from memory
        caplog.clear()
        with _logged(caplog):
            found = photographs.folder(tmp_path)
        assert [p.sha256 for p in found] == [found[0].sha256]
        for name in ("text.jpg", "cut.jpg", "empty.png"):
            assert name in caplog.text
    _photo(tmp_path / "text.jpg")
    assert len(photographs.folder(tmp_path)) == 2


def _logged(caplog: pytest.LogCaptureFixture):
    return caplog.at_level("INFO", logger="colorflax")


def test_folder_without_photographs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        photographs.folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no photograph found .*\.jpg"):
        photographs.folder(tmp_path)


def test_batches_do_not_depend_on_threads_workers_or_restarts(tmp_path: Path) -> None:
    photos = _folder(tmp_path, 7)
    straight = _take(_training(photos), 6)
    assert not np.array_equal(straight[0], straight[1])
    resumed = _take(_training(photos, start=4), 2)
    np.testing.assert_array_equal(resumed, straight[4:])
    other_seed = _take(_training(photos, seed=4), 1)
    assert not np.array_equal(other_seed[0], straight[0])


def test_as_many_threads_decode_as_are_wanted(tmp_path: Path) -> None:
    """Of which grain takes no more than batches that it may hold ready."""
    photos, threads = _folder(tmp_path, 7), 6
    meet = threading.Barrier(threads, timeout=30)

    class Meeting:
        def read(self, row: int) -> photographs.Content:
            meet.wait()  # for the others, or `BrokenBarrierError`
            return photos.source.read(row)

    met = dataclasses.replace(photos, source=Meeting())
    settings = dataclasses.replace(SETTINGS, threads=threads)
    batches = pipeline.training_batches(met, None, settings, seed=0, batch_size=1)
    assert len(_take(batches, threads)) == threads
    meet.abort()  # who reads ahead waits no longer


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_shares_of_processes_add_up(tmp_path: Path, processes: int) -> None:
    photos = _folder(tmp_path, 7)
    whole = _take(_training(photos), 4)
    shares = [
        _take(_training(photos, process=r, processes=processes), 4)
        for r in range(processes)
    ]
    for k in range(4):
        np.testing.assert_array_equal(np.concatenate([s[k] for s in shares]), whole[k])


def test_every_epoch_has_every_photograph_once(tmp_path: Path) -> None:
    photos = _folder(tmp_path, 6)
    whole = dataclasses.replace(SETTINGS, fit="pad", flip=False)
    batches = pipeline.training_batches(photos, None, whole, seed=0, batch_size=6)
    first, second = (b["rgb"] for b in itertools.islice(batches, 2))
    assert not np.array_equal(first, second)  # another order
    squares = sorted(views.evaluation_view(p.read(), whole).tobytes() for p in photos)
    for batch in (first, second):
        assert sorted(square.tobytes() for square in batch) == squares


def test_every_epoch_has_new_crops(tmp_path: Path) -> None:
    photos = _folder(tmp_path, 1)
    batches = _take(_training(photos, batch_size=1), 20)
    assert len({batch.tobytes() for batch in batches}) > 10


@pytest.mark.parametrize("processes", [1, 2])
def test_evaluation_counts_each_once(tmp_path: Path, processes: int) -> None:
    photos = _folder(tmp_path, 7)
    table = np.arange(7, dtype=np.float32)[:, None]
    seen = []
    for rank in range(processes):
        for batch in pipeline.evaluation_batches(
            photos, table, SETTINGS, batch_size=4, process=rank, processes=processes
        ):
            assert len(batch["rgb"]) == 4 // processes
            seen += batch["embedding"][batch["mask"], 0].tolist()
    assert sorted(seen) == list(range(7))


def test_embedding_belongs_to_its_photograph(tmp_path: Path) -> None:
    photos = _folder(tmp_path, 5)
    fixed = dataclasses.replace(SETTINGS, fit="pad", flip=False)
    squares = [views.evaluation_view(p.read(), fixed) for p in photos]
    table = np.arange(5, dtype=np.float32)[:, None]
    batches = pipeline.training_batches(photos, table, fixed, seed=0, batch_size=5)
    batch = next(iter(batches))
    for rgb, (row,) in zip(batch["rgb"], batch["embedding"], strict=True):
        np.testing.assert_array_equal(rgb, squares[int(row)])


def _like(path: Path, expected: np.ndarray, tolerance: float = 0) -> None:
    image = decode(path)
    assert image.mode == "RGB"
    difference = np.asarray(image, np.int32) - expected
    assert np.abs(difference).max() <= tolerance


def test_every_kind_of_picture_becomes_srgb(tmp_path: Path) -> None:
    rgb = RNG.integers(0, 256, (8, 12, 3), np.uint8)
    grey = rgb[..., 0]
    image = Image.fromarray(rgb)
    grey_rgb = np.repeat(grey[..., None], 3, -1).astype(int)

    def save(name: str, image: Image.Image, **options: object) -> Path:
        image.save(tmp_path / name, **options)
        return tmp_path / name

    _like(save("rgb.png", image), rgb)
    _like(save("rgb.bmp", image), rgb)
    _like(save("rgb.tif", image), rgb)
    _like(save("rgb.webp", image, lossless=True), rgb)
    _like(save("grey.png", Image.fromarray(grey)), grey_rgb)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    _like(save("16.png", deep), grey_rgb)
    _like(save("16.tif", deep), grey_rgb)
    for white in (1, 255, 65535):  # and a little more, as from a resampling
        real = grey.astype(np.float32) / 255
        real[0, :2] = (1, 1.1)
        seen = grey_rgb.copy()
        seen[0, :2] = 255
        _like(save("float.tif", Image.fromarray(white * real)), seen)
    _like(save("bit.png", Image.fromarray(grey > 99)), (grey_rgb > 99) * 255)
    palette = image.quantize(64)
    _like(save("palette.png", palette), np.asarray(palette.convert("RGB"), int))
    alpha = np.dstack([rgb, np.where(grey > 99, 255, 0).astype(np.uint8)])
    see_through = np.where(grey_rgb > 99, rgb, 255)
    _like(save("alpha.png", Image.fromarray(alpha)), see_through)
    cmyk = image.convert("CMYK")
    _like(save("cmyk.tif", cmyk), np.asarray(cmyk.convert("RGB"), int))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown upright after a quarter turn to the right
    _like(save("turned.png", image, exif=exif), np.rot90(rgb.astype(int), -1))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _like(save("profile.png", image, icc_profile=profile), rgb, 1)


def test_profile_is_converted(tmp_path: Path) -> None:
    """In a profile whose red primary is blue and blue primary red, red is blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for old, new in ((b"rXYZ", b"xxxx"), (b"bXYZ", b"rXYZ"), (b"xxxx", b"bXYZ")):
        assert profile.count(old) == 1
        profile = profile.replace(old, new)
    rgb = np.full((4, 4, 3), [200, 40, 70], np.uint8)
    path = tmp_path / "swapped.png"
    Image.fromarray(rgb).save(path, icc_profile=profile)
    _like(path, rgb[..., ::-1].astype(int), 1)


def test_reduced_jpeg_is_the_same_photograph(tmp_path: Path) -> None:
    y, x = np.mgrid[:400, :600]
    smooth = np.stack([x / 600 * 255, y / 400 * 255, 128 + 0 * x], -1).astype(np.uint8)
    path = tmp_path / "smooth.jpg"
    Image.fromarray(smooth).save(path, quality=95)
    small = decode(path, at_least=96)
    assert min(small.size) == 100
    full, reduced = (
        views.whole_view(image, SETTINGS, 48) for image in (decode(path), small)
    )
    assert full.size == reduced.size
    assert np.abs(np.asarray(full, int) - np.asarray(reduced, int)).max() <= 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.jpg", b"hello", "not a picture that can be read"),
        ("empty.png", b"", "not a picture that can be read"),
        ("missing.jpg", None, "no such file"),
        ("x.heic", b"\0\0\0\x24ftypheic\0\0\0\0", "a damaged HEIC"),
        ("x.cr2", b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file; save it as TIFF"),
        (
            "x.mp4",
            b"\0\0\0\x20ftypisom\0\0\2\0",
            "a film, not a photograph; python -m colorflax.video",
        ),
        ("x.pdf", b"%PDF-1.7", "a PDF, not a photograph; save it as TIFF, PNG or JPEG"),
    ],
)
def test_bad_files_are_named(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: {message}"):
        decode(path)


def test_the_preview_of_a_raw_file_is_not_the_photograph(tmp_path: Path) -> None:
    small, large = (Image.effect_noise((n, n), 80) for n in (16, 64))
    for kind, pages in ((1, [large]), (1, []), (0, [large])):
        path = tmp_path / "raw.nef"
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[254] = kind
        small.save(path, "TIFF", save_all=True, append_images=pages, tiffinfo=tags)
        if kind and pages:
            with pytest.raises(
                UserError, match=r"raw\.nef: begins with a small preview"
            ):
                decode(path)
        else:
            assert decode(path).size == (16, 16)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif"])
def test_truncated_files_are_named(tmp_path: Path, suffix: str) -> None:
    path = _photo(tmp_path / f"cut{suffix}", (200, 150))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=f"cut{suffix}: "):
        decode(path)


def test_folder_given_as_a_photograph(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder, not a photograph"):
        decode(tmp_path)
