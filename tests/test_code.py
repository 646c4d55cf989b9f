"""Code by its content: any change of a module is another code."""

from pathlib import Path

import pytest

from colorflax.training import code


def test_content_and_names_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "FOLDER", tmp_path)
    seen = {code.sha256()}

    def fresh() -> bool:
        code.sha256.cache_clear()
        seen.add(now := code.sha256())
        return len(seen) > count and len(now) == 64

    for change in (
        lambda: (tmp_path / "a.py").write_text("x = 1\n"),
        lambda: (tmp_path / "a.py").write_text("x = 2\n"),
        lambda: (tmp_path / "a.py").rename(tmp_path / "b.py"),
        lambda: (tmp_path / "room").mkdir() or (tmp_path / "room/c.py").touch(),
    ):
        count = len(seen)
        change()
        assert fresh()
    count = len(seen)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".#a.py").symlink_to("nobody")  # of an editor
    (tmp_path / "folder.py").mkdir()
    assert not fresh()
    code.sha256.cache_clear()
