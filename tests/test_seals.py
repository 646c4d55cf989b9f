"""Whatever is done to a file of a sealed folder is noticed."""

from pathlib import Path

import pytest

from colorflax.disk import seals


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a").write_bytes(bytes(range(256)))
    (tmp_path / "deep" / "er" / "b").write_bytes(b"")
    seals.seal(tmp_path)
    return tmp_path


def test_a_whole_folder(folder: Path) -> None:
    assert seals.broken(folder) is None
    (folder / "later").write_text("an addition is not damage")
    assert seals.broken(folder) is None


def test_every_bit_and_every_length_counts(folder: Path) -> None:
    path = folder / "a"
    whole = path.read_bytes()
    for i in range(0, 8 * len(whole), 97):
        flipped = bytearray(whole)
        flipped[i // 8] ^= 1 << i % 8
        path.write_bytes(flipped)
        assert seals.broken(folder) == "a is not what was written"
    for length in (0, 1, 255):
        path.write_bytes(whole[:length])
        assert seals.broken(folder) == "a is not what was written"
    path.write_bytes(whole)
    assert seals.broken(folder) is None


def test_missing_files_and_seals(folder: Path) -> None:
    (folder / "deep" / "er" / "b").unlink()
    assert seals.broken(folder) == "deep/er/b is missing"
    seal = folder / "sha256.json"
    seal.write_bytes(seal.read_bytes()[:-9])
    assert seals.broken(folder) == "sha256.json is damaged"
    seal.unlink()
    assert seals.broken(folder) is None  # never sealed
