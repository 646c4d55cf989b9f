"""Where a run's numbers and pictures go: terminal, JSONL, TensorBoard, PNG."""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from colorflax.disk import files

# tensorboardX imports PyTorch where it finds it, for seconds, only to name a type.
_HIDE = "torch" not in sys.modules
if _HIDE:
    sys.modules["torch"] = None  # type: ignore[assignment]
from tensorboardX.event_file_writer import EventsWriter  # noqa: E402
from tensorboardX.proto.event_pb2 import Event, SessionLog  # noqa: E402
from tensorboardX.proto.summary_pb2 import Summary  # noqa: E402

if _HIDE:
    del sys.modules["torch"]


class Writers:
    """Numbers of each step into `metrics.jsonl` and TensorBoard, pictures into both.

    A resumed run takes back what was written after the step it resumes from, so that
    the file reads as if the run had never stopped.
    """

    def __init__(self, workdir: Path, start: int):
        self._path = workdir / "metrics.jsonl"
        self._pictures = workdir / "pictures"
        self._pictures.mkdir(parents=True, exist_ok=True)
        # Of a run that had saved nothing all is taken back.
        known = _lines(self._path) if start else ()
        kept = [line for line in known if _before(line, start)]
        files.write(self._path, "".join(kept).encode())
        self._jsonl = self._path.open("a")
        board = workdir / "tensorboard"
        board.mkdir(exist_ok=True)
        # Not SummaryWriter: its thread keeps two minutes of numbers from the disk, and
        # when the disk is full it dies and lets the run wait for ever.
        self._board = EventsWriter(str(board / "events"))
        if start:  # hide what an earlier run wrote after it
            again = SessionLog(status=SessionLog.START)
            self._event(start + 1, session_log=again)

    def scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write numbers of a step; names with a slash are grouped by it."""
        self._jsonl.write(json.dumps({"step": step, **numbers}) + "\n")
        self._jsonl.flush()
        values = [Summary.Value(tag=k, simple_value=v) for k, v in numbers.items()]
        self._event(step, summary=Summary(value=values))

    def pictures(self, step: int, rows: UInt8[np.ndarray, "n h w 3"]) -> None:
        """Write a contact sheet, one example per row, as pictures/STEP.png."""
        sheet = rows.reshape(-1, *rows.shape[2:])
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "PNG")
        files.write(self._pictures / f"{step:06d}.png", buffer.getvalue())
        image = Summary.Image(
            height=sheet.shape[0], width=sheet.shape[1], colorspace=3,
            encoded_image_string=buffer.getvalue(),
        )  # fmt: skip
        value = Summary.Value(tag="grey, output, truth", image=image)
        self._event(step, summary=Summary(value=[value]))

    def close(self) -> None:
        """Flush everything."""
        self._jsonl.close()
        self._board.close()

    def _event(self, step: int, **what: Summary | SessionLog) -> None:
        self._board.write_event(Event(wall_time=time.time(), step=step, **what))
        self._board.flush()


class Silence:
    """Writers of the processes that do not report."""

    def scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write nothing."""

    def pictures(self, step: int, rows: UInt8[np.ndarray, "n h w 3"]) -> None:
        """Write nothing."""

    def close(self) -> None:
        """Nothing is open."""


class Progress:
    """How far a run is: a bar on a terminal, plain lines elsewhere, or not `shown`.

    `rates` turns steps per second into what else is known of its speed.
    """

    def __init__(
        self,
        start: int,
        total: int,
        batch_size: int,
        *,
        rates: Callable[[float], dict[str, float]] = lambda _: {},
        shown: bool = True,
    ):
        self._total, self._batch_size, self._shown = total, batch_size, shown
        self._rates = rates
        # Some terminals of containers have no width: nothing could be drawn on them.
        self._live = (
            shown and sys.stderr.isatty() and os.get_terminal_size(2).columns > 0
        )
        self._bar = tqdm(
            initial=start, total=total, unit="step", dynamic_ncols=True,
            disable=not self._live,
        )  # fmt: skip
        self.restart_clock(start)

    def restart_clock(self, step: int) -> None:
        """Leave out of the rate what was not training: evaluation, saving."""
        self._since = step, time.monotonic()

    def step(
        self, step: int, numbers: Mapping[str, float], *, line: bool
    ) -> dict[str, float]:
        """Show that `step` is done, in a plain line if `line`; returns the rates."""
        first, began = self._since
        per_second = (step - first) / (time.monotonic() - began)
        rate = per_second * self._batch_size
        rates = {"images_per_s": rate, **self._rates(per_second)}
        losses = {k: v for k, v in numbers.items() if "loss" in k}
        text = "  ".join(f"{k} {v:.4g}" for k, v in losses.items())
        text = f"{text}  {rate:.1f} images/s"
        if "utilisation" in rates:
            text = f"{text}  {rates['utilisation']:.1%} of the peak"
        if self._live:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()
        elif line and self._shown:
            left = tqdm.format_interval((self._total - step) * self._batch_size / rate)
            say(f"step {step}/{self._total}  {text}  {left} left")
        if line:
            self.restart_clock(step)
        return rates

    def close(self) -> None:
        """Leave the terminal clean."""
        self._bar.close()


def say(text: str) -> None:
    """A line for the user, kept clear of a progress bar."""
    tqdm.write(text, file=sys.stderr)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def _before(line: str, step: int) -> bool:
    try:
        return line.endswith("\n") and json.loads(line)["step"] <= step
    except (ValueError, KeyError, TypeError):
        return False  # not ours, or left unfinished by a killed run
