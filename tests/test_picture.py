"""Pictures of any kind are read without loss, and turned upright."""

import io
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from encoded import DEEP, deep_png, saved, tiff
from PIL import ExifTags, Image, ImageOps

from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.picture import Picture, back, encode, read, take, tint

RNG = np.random.default_rng(0)
BASE = ExifTags.Base


@pytest.mark.parametrize(("kind", "channels"), [(0, [0]), (2, [0, 1, 2]), (4, [0, 3]),
                                                (6, [0, 1, 2, 3])])  # fmt: skip
def test_png_of_16_bits_is_read_whole(kind: int, channels: list[int]) -> None:
    picture = read(deep_png(DEEP[..., channels], kind))
    colours = DEEP[..., :3] if len(channels) > 2 else DEEP[..., 0]
    np.testing.assert_array_equal(picture.pixels, colours)
    assert picture.pixels.dtype == np.uint16
    if kind > 3:
        np.testing.assert_array_equal(picture.alpha, DEEP[..., 3])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [None, "zlib"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_16_bits_is_read_whole(
    order: str, packed: str | None, channels: int
) -> None:
    x = DEEP[..., :channels].squeeze()
    kind = "rgb" if channels > 2 else "minisblack"
    alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    how = {"byteorder": order, "compression": packed, "predictor": bool(packed)}
    picture = read(tiff(x, photometric=kind, **how, **alpha))
    np.testing.assert_array_equal(picture.pixels, x[..., :3] if channels > 1 else x)
    assert (picture.alpha is not None) == (channels == 4)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_upright_as_pillow_turns_it(turn: int, format: str) -> None:
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[BASE.Orientation] = turn
    exif[ExifTags.IFD.Exif] = {0xA002: 17, 0xA003: 13, 0xA001: 2}
    content = saved(image, format, exif=exif.tobytes(), dpi=(100, 200))
    picture = read(content)
    with Image.open(io.BytesIO(content)) as opened:
        expected = ImageOps.exif_transpose(opened)
    np.testing.assert_array_equal(picture.pixels, np.asarray(expected))
    lying = turn > 4
    assert picture.metadata.dpi == pytest.approx(
        (200, 100) if lying else (100, 200), 1e-3
    )
    again = Image.open(
        io.BytesIO(encode("png", picture.pixels, None, picture.metadata))
    )
    kept = again.getexif()
    assert kept.get(BASE.Orientation, 1) == 1
    inside = kept.get_ifd(ExifTags.IFD.Exif)
    assert (inside[0xA002], inside[0xA003]) == again.size
    assert inside[0xA001] == 1  # sRGB now


@pytest.mark.parametrize("turn", [1, 6])
def test_a_deep_tiff_lies_on_its_side(turn: int) -> None:
    tag = [(274, "H", 1, turn, True)]
    content = tiff(DEEP[..., :3], photometric="rgb", extratags=tag)
    expected = DEEP[..., :3] if turn == 1 else np.rot90(DEEP[..., :3], -1)
    np.testing.assert_array_equal(read(content).pixels, expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_kept_apart(mode: str) -> None:
    image = Image.fromarray((DEEP >> 8).astype(np.uint8))
    how = {}
    if mode == "P":
        image = image.convert("RGB").quantize(16)
        how = {"transparency": 3}
    else:
        image = image.convert(mode)
    picture = read(saved(image, "PNG", **how))
    expected = np.asarray(image.convert("RGBA"))
    if mode == "P":
        expected = expected.copy()
        expected[..., 3] = np.where(np.asarray(image) == 3, 0, 255)
    np.testing.assert_array_equal(picture.alpha, expected[..., 3])
    colours = expected[..., 0] if mode == "LA" else expected[..., :3]
    np.testing.assert_array_equal(picture.pixels, colours)
    small = np.asarray(picture.small(1))
    assert (small[picture.alpha == 0] == 255).all()  # white shines through


@pytest.mark.parametrize("size", [(300, 200), (5000, 3), (7, 1000)])
@pytest.mark.parametrize("factor", [1, 3, 8])
def test_small_copies_in_strips(
    size: tuple[int, int], factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorflax.picture.pixels._STRIP", 1 << 12)
    image = Image.effect_noise(size, 90).convert("RGB")
    small = Picture(np.asarray(image)).small(factor)
    np.testing.assert_array_equal(np.asarray(small), np.asarray(image.reduce(factor)))


def test_grey_toned_coloured() -> None:
    for photo in photographs.builtin()[:3]:
        rgb = np.asarray(photo.open(200))
        grey = np.asarray(Image.fromarray(rgb).convert("L")).astype(np.float32)
        sepia = np.stack([1.07 * grey, 0.9 * grey, 0.7 * grey], -1).clip(0, 255)
        noisy = grey[..., None] + RNG.normal(0, 2, rgb.shape)
        for x, kind in (
            (rgb, "coloured"), (sepia, "toned"), (noisy, "grey"),
            (rgb.astype(np.uint16) * 257, "coloured"), (rgb / 255, "coloured"),
        ):  # fmt: skip
            if x.dtype.kind == "f" and x.max() > 1:
                x = x.clip(0, 255).astype(np.uint8)
            assert Picture(x).kind() == kind
        assert Picture(grey.astype(np.uint8)).kind() == "grey"
    assert tint.kind(np.zeros((1, 1, 3), np.uint8)) == "grey"


def test_kinds_of_python(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 9).save(tmp_path / "x.png")
    for image in (tmp_path / "x.png", str(tmp_path / "x.png"), Image.new("L", (5, 4))):
        assert take(image).pixels.shape == (4, 5)
    assert take(np.zeros((4, 5, 1), np.uint16)).pixels.shape == (4, 5)
    assert take(jnp.ones((4, 5))).pixels.dtype == np.float32
    for bad in (
        np.zeros((4, 5, 2), np.uint8), np.zeros((4, 0), np.uint8), np.zeros(5),
        np.zeros((4, 5), int), np.full((4, 5), 1.5), np.full((4, 5), np.nan), 7,
    ):  # fmt: skip
        with pytest.raises(UserError):
            take(bad)
    rgba = Image.new("RGBA", (5, 4), (1, 2, 3, 4))
    picture = take(rgba)
    assert np.array_equal(back(rgba, picture.pixels, picture.alpha), rgba)


@pytest.mark.parametrize(("kind", "pages"), [("TIFF", 3), ("MPO", 1)])
def test_pages_are_counted(kind: str, pages: int, tmp_path: Path) -> None:
    """Those of a phone's JPEG are no photographs: previews, a map of the light."""
    first, *others = (Image.new("RGB", (8, 6), (n, n, n)) for n in (9, 99, 199))
    first.save(tmp_path / "x", kind, save_all=True, append_images=others)
    picture = read(tmp_path / "x")
    assert picture.pages == pages
    assert abs(int(picture.pixels[0, 0, 0]) - 9) <= 1
