"""What is written others read the same, with all that was known of the photograph."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from encoded import DEEP, saved
from PIL import ExifTags, Image, PngImagePlugin

from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.picture import Metadata, Provenance, encode, png, profile, read

BASE = ExifTags.Base


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


@pytest.mark.parametrize(("height", "strips"), [(1, 1), (7, 1), (8, 2), (50, 8)])
def test_a_png_is_one_stream_from_any_threads(
    height: int, strips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png, "_STRIP", 7 * 30 * 6)  # 7 rows
    rgb = np.random.default_rng(0).integers(0, 1 << 16, (height, 30, 3), np.uint16)
    contents = []
    for threads in (1, 3):
        monkeypatch.setattr(png, "_THREADS", threads)
        contents.append(encode("png", rgb, None, Metadata()))
    assert contents[0] == contents[1]
    chunks, at = [], 8
    while at < len(contents[0]):
        size, kind = struct.unpack_from(">I4s", contents[0], at)
        chunks.append((kind, contents[0][at + 8 : at + 8 + size]))
        at += size + 12
    pieces = [body for kind, body in chunks if kind == b"IDAT"]
    assert len(pieces) == strips + 2  # and the stream's head and checksum
    stream = zlib.decompressobj()
    rows = stream.decompress(b"".join(pieces))
    assert stream.eof  # zlib has checked the checksum
    assert stream.unused_data == b""
    assert len(rows) == height * (1 + 30 * 6)
    np.testing.assert_array_equal(read(contents[0]).pixels, rgb)


def test_jpeg_and_webp() -> None:
    smooth = np.asarray(photographs.builtin()[0].open(64))
    for format, most in (("jpg", 4), ("webp", 0)):
        again = read(encode(format, smooth, None, Metadata())).pixels.astype(int)
        assert np.abs(again - smooth).mean() <= most
    with pytest.raises(UserError, match="at most 16383 px"):
        encode("webp", np.zeros((1, 20_000, 3), np.uint8), None, Metadata())


def test_what_was_known_of_a_photograph_stays() -> None:
    exif = Image.Exif()
    said = "Großmutter, 1931"
    exif[BASE.ImageDescription] = said.encode()
    artist = "Jürgen Müller"
    exif[BASE.Artist] = artist.encode()
    exif[ExifTags.IFD.Exif] = {
        BASE.DateTimeOriginal: "1931:05:01 12:00:00",
        BASE.CameraOwnerName: artist.encode(),
    }
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
            how = {"tiffinfo": tags | {BASE.Artist: artist.encode()}}
        picture = read(saved(image, source, dpi=(300, 300), **how))
        for format in ("png", "tif", "jpg", "webp"):
            signed = made.sign(picture.metadata)
            content = encode(format, picture.pixels, None, signed)
            again = Image.open(io.BytesIO(content))
            found = again.getexif()
            description = found[BASE.ImageDescription].encode("latin-1").decode()
            assert description.startswith(said + " | Colours predicted by colorflax 9")
            assert "ab" * 32 in description
            assert found[BASE.Artist].encode("latin-1").decode() == artist
            assert found[BASE.Software] == "colorflax 9"
            if source != "TIFF":
                camera = found.get_ifd(ExifTags.IFD.Exif)
                assert camera[BASE.DateTimeOriginal] == "1931:05:01 12:00:00"
                assert camera[BASE.CameraOwnerName] == artist.encode()
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
    content = saved(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", xmp=b"<no")
    picture = read(content)
    made = Provenance("colorflax 9", "ab" * 32, 400, {})
    signed = read(encode("tif", picture.pixels, None, made.sign(picture.metadata)))
    assert b"compositeWithTrained" in signed.metadata.xmp
