"""A bar where there is a terminal, lines where there is none; a file that resumes."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event, SessionLog

from colorflax.training.writers import Progress, Writers

CODE = """
from colorflax.training.writers import Progress
progress = Progress(0, 3, batch_size=4)
for step in (1, 2, 3):
    progress.step(step, {"loss": 0.5, "gradient_norm": 7.0}, line=step == 3)
progress.close()
"""


def _on_terminal(columns: int) -> str:
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([sys.executable, "-c", CODE], stderr=side):
        os.close(side)
        shown = b""
        while True:
            try:
                chunk = os.read(main, 1000)
            except OSError:  # how Linux says that the other end is closed
                break
            shown += chunk
    os.close(main)
    return shown.decode()


def test_bar_on_a_terminal() -> None:
    shown = _on_terminal(columns=100)
    assert "\r" in shown
    assert "3/3" in shown
    assert "loss 0.5" in shown
    assert "images/s" in shown
    assert "gradient_norm" not in shown


def test_lines_on_a_terminal_without_width() -> None:
    assert _on_terminal(columns=0).startswith("step 3/3  loss 0.5")


def test_lines_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress(0, 8, batch_size=4)
    for step in range(1, 5):
        progress.step(step, {"loss": 0.5}, line=step % 2 == 0)
    progress.close()
    lines = capfd.readouterr().err.strip().splitlines()
    assert [line.split()[1] for line in lines] == ["2/8", "4/8"]
    assert all("loss 0.5" in line and "left" in line for line in lines)


def test_resuming_takes_back_what_came_later(tmp_path: Path) -> None:
    writers = Writers(tmp_path, start=0)
    for step in (1, 2, 3, 4):
        writers.scalars(step, {"x": step / 2})
    writers.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "x"')  # killed in the middle of a line
    writers = Writers(tmp_path, start=2)
    writers.scalars(3, {"x": 9.0})
    writers.close()
    rows = [
        json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().split("\n")[:-1]
    ]
    assert rows == [{"step": 1, "x": 0.5}, {"step": 2, "x": 1.0}, {"step": 3, "x": 9.0}]


def test_contact_sheet_has_one_example_per_row(tmp_path: Path) -> None:
    rows = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    writers = Writers(tmp_path, start=0)
    writers.pictures(7, rows)
    writers.close()
    with Image.open(tmp_path / "pictures" / "000007.png") as sheet:
        np.testing.assert_array_equal(np.asarray(sheet), rows.reshape(6, 4, 3))


def _events(workdir: Path) -> list[Event]:
    """TFRecord: length, its checksum, the event, its checksum."""
    events = []
    for path in sorted((workdir / "tensorboard").iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            events.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return events


def test_tensorboard_is_on_disk_at_once(tmp_path: Path) -> None:
    """What a run that is killed had written is there, and hidden when it is redone."""
    killed = Writers(tmp_path, start=0)
    killed.scalars(3, {"train/loss": 0.5, "x": 2.0})
    killed.pictures(3, np.zeros((1, 2, 3, 3), np.uint8))
    _, scalars, picture = _events(tmp_path)
    assert {v.tag: v.simple_value for v in scalars.summary.value} == {
        "train/loss": 0.5,
        "x": 2.0,
    }
    (image,) = (value.image for value in picture.summary.value)
    sheet = (tmp_path / "pictures" / "000003.png").read_bytes()
    assert image.encoded_image_string == sheet
    assert {event.step for event in (scalars, picture)} == {3}
    killed.close()
    for path in (tmp_path / "tensorboard").iterdir():
        path.unlink()  # a file is named by the second it was begun in
    Writers(tmp_path, start=2).close()
    _, again = _events(tmp_path)
    assert again.session_log.status == SessionLog.START
    assert again.step == 3
