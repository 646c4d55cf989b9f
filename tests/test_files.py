"""Where the cache is, and that files are written whole or not at all."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorflax.disk import files


def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLORFLAX_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert files.cache("room") == tmp_path / "ours" / "room"
    monkeypatch.delenv("COLORFLAX_CACHE")
    assert files.cache("room") == tmp_path / "xdg" / "colorflax" / "room"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert files.cache("room") == tmp_path / "home" / ".cache" / "colorflax" / "room"


def test_empty_variables_count_as_unset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLORFLAX_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.cache("room") == tmp_path / ".cache" / "colorflax" / "room"


def test_a_tilde_may_begin_the_name_of_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/of/mine")
    assert files.local("~/x.jpg") == Path("/of/mine/x.jpg")
    assert files.local("~nobody of that name.jpg") == Path("~nobody of that name.jpg")


def test_write_makes_the_folder_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in (b"a longer first version", b"second"):
        files.write(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    assert os.umask(before) == 0o027, "write left another umask behind"


def test_permissions_respect_the_umask(tmp_path: Path, umask: int) -> None:
    files.write(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


def test_what_is_left_is_known_from_what_others_call_alike(tmp_path: Path) -> None:
    killed = "from pathlib import Path\nfrom colorflax.disk import files\n"
    killed += "files.os.replace = lambda *names: files.os._exit(0)\n"
    name = "ü" * 126
    killed += f"files.write(Path({str(tmp_path / name)!r}), b'begun')"
    subprocess.run([sys.executable, "-c", killed], check=True)
    [left] = tmp_path.iterdir()
    (tmp_path / ".a.png.original").write_bytes(b"of somebody else")
    (tmp_path / ".a.png.01234567.colorflax").mkdir()
    [(found, begins)] = files.begun(tmp_path)
    assert found == left
    assert begins == files.cut(name)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_an_interrupted_write_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupted(*args: object) -> None:
        raise error

    path = tmp_path / "file"
    files.write(path, b"before")
    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(type(error)) as raised:
        files.write(path, b"after")
    if isinstance(error, OSError):
        assert raised.value.filename == str(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]  # no temporary file either
