"""What is done of a film stays done, and what is not whole is made again."""

from pathlib import Path

import numpy as np

from colorflax.footage import Parts


def _piece(parts: Parts, end: int) -> None:
    parts.begun.write_bytes(b"%d" % end)
    parts.add(end, {"a": np.arange(end)})


def test_what_is_done_stays_done(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts")
    assert (parts.end, parts.pieces, parts.memory()) == (0, [], {})
    _piece(parts, 4)
    _piece(parts, 7)
    parts.begun.write_bytes(b"cut off by the death of a process")
    again = Parts(tmp_path / "parts")
    assert again.end == 7
    assert [piece.read_bytes() for piece in again.pieces] == [b"4", b"7"]
    np.testing.assert_array_equal(again.memory()["a"], np.arange(7))
    (memory,) = (tmp_path / "parts").glob("*.npz")
    memory.write_bytes(b"")  # as a power cut leaves it
    assert Parts(tmp_path / "parts").end == 0
    again.remove()
    assert not (tmp_path / "parts").exists()


def test_what_follows_a_gap_is_made_again(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts")
    for end in (2, 4, 6):
        _piece(parts, end)
    parts.pieces[1].unlink()
    parts = Parts(tmp_path / "parts")
    assert parts.end == 0  # nobody could go on from 2
    _piece(parts, 3)
    assert Parts(tmp_path / "parts").end == 3
