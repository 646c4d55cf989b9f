"""Pictures of any kind: read without loss, and written so that others read the same."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from colorflax import tint
from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.picture import (
    Metadata,
    Picture,
    Provenance,
    back,
    encode,
    profile,
    read,
    take,
)

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (13, 17, 4)).astype(np.uint16)
BASE = ExifTags.Base


def _png(x: np.ndarray, kind: int) -> bytes:
    """Written by the book, with no filter."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    h, w = x.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in x)
    header = struct.pack(">IIBBBBB", w, h, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def _tiff(x: np.ndarray, **how: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, x, **how)
    return buffer.getvalue()


def _saved(image: Image.Image, format: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **how)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "channels"), [(0, [0]), (2, [0, 1, 2]), (4, [0, 3]),
                                                (6, [0, 1, 2, 3])])  # fmt: skip
def test_png_of_16_bits_is_read_whole(kind: int, channels: list[int]) -> None:
    picture = read(_png(DEEP[..., channels], kind))
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
    picture = read(_tiff(x, photometric=kind, **how, **alpha))
    np.testing.assert_array_equal(picture.pixels, x[..., :3] if channels > 1 else x)
    assert (picture.alpha is not None) == (channels == 4)


@pytest.mark.parametrize("format", ["png", "tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("clear", [False, True])
def test_what_is_written_is_read_again(format: str, dtype: type, clear: bool) -> None:
    """By ourselves, by tifffile, and at 8 bits by Pillow."""
    # Longer than a strip of either format, with even and with busy parts.
    x = np.repeat(np.tile(DEEP, (9, 2, 1)), 40, axis=0).astype(dtype)
    x[300:] += np.arange(x.shape[1], dtype=dtype)[:, None]
    alpha = x[..., 3] if clear else None
    content = encode(format, x[..., :3], alpha, Metadata())
    picture = read(content)
    np.testing.assert_array_equal(picture.pixels, x[..., :3])
    assert (picture.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(picture.alpha, alpha)
    whole = x if clear else x[..., :3]
    if format == "tif":
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(content)), whole)
    if dtype is np.uint8:
        image = Image.open(io.BytesIO(content))
        np.testing.assert_array_equal(np.asarray(image), whole)


def test_jpeg_and_webp() -> None:
    smooth = np.asarray(photographs.builtin()[0].open(64))
    for format, most in (("jpg", 4), ("webp", 0)):
        again = read(encode(format, smooth, None, Metadata())).pixels.astype(int)
        assert np.abs(again - smooth).mean() <= most
    with pytest.raises(UserError, match="at most 16383 px"):
        encode("webp", np.zeros((1, 20_000, 3), np.uint8), None, Metadata())


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_upright_as_pillow_turns_it(turn: int, format: str) -> None:
    image = Image.fromarray((DEEP[..., :3] >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[BASE.Orientation] = turn
    exif[ExifTags.IFD.Exif] = {0xA002: 17, 0xA003: 13, 0xA001: 2}
    content = _saved(image, format, exif=exif.tobytes(), dpi=(100, 200))
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
    content = _tiff(DEEP[..., :3], photometric="rgb", extratags=tag)
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
    picture = read(_saved(image, "PNG", **how))
    expected = np.asarray(image.convert("RGBA"))
    if mode == "P":
        expected = expected.copy()
        expected[..., 3] = np.where(np.asarray(image) == 3, 0, 255)
    np.testing.assert_array_equal(picture.alpha, expected[..., 3])
    colours = expected[..., 0] if mode == "LA" else expected[..., :3]
    np.testing.assert_array_equal(picture.pixels, colours)
    small = np.asarray(picture.small(1))
    assert (small[picture.alpha == 0] == 255).all()  # white shines through


def _curve(values: np.ndarray) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def _icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, data = b"", b""
    start = 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20] = b"\x02\x40\0\0", b"scnr", space
    head[20:24], head[36:40] = b"XYZ ", b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)  # D50
    head[:4] = struct.pack(">I", start + len(data))
    return bytes(head) + struct.pack(">I", len(tags)) + table + data


def test_profiles_of_16_bits_agree_with_those_of_8() -> None:
    """LittleCMS converts 8 bits; to a rounding we do the same to 16."""
    ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    swatches = np.stack([ramp, ramp.T, ramp[::-1]], axis=-1)
    srgb = profile.srgb()
    d65 = ImageCms.ImageCmsProfile(io.BytesIO(srgb))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    gamma = struct.pack(">4sIIH", b"curv", 0, 1, round(1.8 * 256))
    table = _curve(np.round(65535 * np.linspace(0, 1, 64) ** 2.2).astype(int))
    parametric = b"para\0\0\0\0" + struct.pack(
        ">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 0.948, 0.052, 0.077, 0.04))
    )
    wide = {
        b"rXYZ": xyz(0.6097, 0.3111, 0.0195), b"gXYZ": xyz(0.2053, 0.6257, 0.0609),
        b"bXYZ": xyz(0.1492, 0.0632, 0.7446), b"wtpt": xyz(0.9642, 1, 0.8249),
    }  # fmt: skip
    for curve in (gamma, table, parametric):
        icc = _icc(b"RGB ", {**wide, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})
        ours = profile.to_srgb(swatches, icc)
        image = Image.fromarray((swatches // 257).astype(np.uint8))
        other = ImageCms.profileToProfile(image, io.BytesIO(icc), d65)
        difference = np.abs(ours / 257 - np.asarray(other))
        assert difference.max() <= 1.5
        assert np.abs(ours.astype(int) - swatches).max() > 1000
    grey = _icc(b"GRAY", {b"kTRC": gamma, b"wtpt": xyz(0.9642, 1, 0.8249)})
    ours = profile.to_srgb(ramp, grey)
    image = Image.fromarray((ramp // 257).astype(np.uint8))
    other = ImageCms.profileToProfile(image, io.BytesIO(grey), d65, outputMode="RGB")
    assert np.abs(ours / 257 - np.asarray(other)[..., 1]).max() <= 1.5
    np.testing.assert_array_equal(profile.to_srgb(swatches, srgb), swatches)
    np.testing.assert_array_equal(profile.to_srgb(swatches, b"no profile"), swatches)


def test_what_was_known_of_a_photograph_stays() -> None:
    exif = Image.Exif()
    said = "Großmutter, 1931"
    exif[BASE.ImageDescription] = said.encode()
    exif[BASE.Artist] = "A. Nonymous"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "1931:05:01 12:00:00"}
    exif[ExifTags.IFD.GPSInfo] = {1: "N"}
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/'
        b'1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:p="urn:p" '
        b'p:shelf="7b" xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        b'e:DigitalSourceType="negativeFilm"/></rdf:RDF></x:xmpmeta>'
    )
    image = Image.new("RGB", (20, 30), "gray")
    made = Provenance("colorflax 9", "ab" * 32, 400, {"temperature": 0.38})
    for source in ("PNG", "JPEG", "TIFF", "WEBP"):
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet.decode())
        how = {"exif": exif.tobytes(), "xmp": packet, "pnginfo": text}
        if source == "TIFF":  # Pillow writes it no EXIF beside these
            tags = {700: packet, BASE.ImageDescription: said.encode()}
            how = {"tiffinfo": tags | {BASE.Artist: "A. Nonymous"}}
        picture = read(_saved(image, source, dpi=(300, 300), **how))
        for format in ("png", "tif", "jpg", "webp"):
            signed = made.sign(picture.metadata)
            content = encode(format, picture.pixels, None, signed)
            again = Image.open(io.BytesIO(content))
            found = again.getexif()
            description = found[BASE.ImageDescription].encode("latin-1").decode()
            assert description.startswith(said + " | Colours predicted by colorflax 9")
            assert "ab" * 32 in description
            assert found[BASE.Artist] == "A. Nonymous"
            assert found[BASE.Software] == "colorflax 9"
            if source != "TIFF":
                camera = found.get_ifd(ExifTags.IFD.Exif)
                assert camera[BASE.DateTimeOriginal] == "1931:05:01 12:00:00"
                assert found.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
            assert again.info["icc_profile"] == profile.srgb()
            if "dpi" in again.info and source != "WEBP":
                assert again.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
            xmp = read(content).metadata.xmp.decode()
            assert xmp.count("DigitalSourceType>") == 2  # begin and end of one
            assert "compositeWithTrainedAlgorithmicMedia" in xmp
            assert "negativeFilm" not in xmp
            assert 'shelf="7b"' in xmp
            assert "step>400<" in xmp
    unsigned = Image.open(
        io.BytesIO(encode("png", np.asarray(image), None, Metadata()))
    )
    assert "Software" not in unsigned.info
    text = made.sign(Metadata(text={"Title": "Ж", "Comment": "in the attic"}))
    texts = Image.open(io.BytesIO(encode("png", np.asarray(image), None, text))).text
    assert texts["Title"] == "Ж"
    assert texts["Comment"].startswith("in the attic | Colours predicted")
    assert '"step": 400' in texts["colorflax"]


def test_damaged_metadata_is_passed_over() -> None:
    image = Image.new("RGB", (20, 30), "gray")
    content = _saved(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", xmp=b"<no")
    picture = read(content)
    made = Provenance("colorflax 9", "ab" * 32, 400, {})
    signed = read(encode("tif", picture.pixels, None, made.sign(picture.metadata)))
    assert b"compositeWithTrained" in signed.metadata.xmp


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
    for bad in (
        np.zeros((4, 5, 2), np.uint8), np.zeros((4, 0), np.uint8), np.zeros(5),
        np.zeros((4, 5), int), np.full((4, 5), 1.5), np.full((4, 5), np.nan), 7,
    ):  # fmt: skip
        with pytest.raises(UserError):
            take(bad)
    rgba = Image.new("RGBA", (5, 4), (1, 2, 3, 4))
    picture = take(rgba)
    assert np.array_equal(back(rgba, picture.pixels, picture.alpha), rgba)
