"""Many photographs: read, coloured and written at the same time, and accounted for."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tqdm

from colorflax.errors import FullError, Stopped, TooLargeError, UserError
from colorflax.machines import signals
from colorflax.picture import Picture, read
from colorflax.workshop import account
from colorflax.workshop.account import Row
from colorflax.workshop.album import Job
from colorflax.workshop.ledger import Ledger, stamp
from colorflax.workshop.studio import Studio

_WAITING = 2  # files whose pixels wait to be written


def colour(
    jobs: Sequence[Job],
    studio: Studio,
    ledger: Ledger,
    overwrite: bool = False,
    report: Path | None = None,
) -> int:
    """Colour them all: 1 if any could not be.

    A line on stdout for each that is done, on stderr for each that is not.

    Args:
        jobs: what to do.
        studio: who does it.
        ledger: of the folder that all targets are in.
        overwrite: do also what was done before.
        report: a JSON file for the rows; written however this ends.

    Raises:
        Stopped: a signal came, and some are left.
        UserError: the disk is full, and some are left.
    """
    rows: list[Row] = []
    full: list[str] = []  # what says so
    bar = tqdm.tqdm(total=len(jobs), unit="picture", disable=None, leave=False)
    with signals.caught() as stop:
        try:
            with bar:
                work = jobs, studio, ledger, overwrite
                for row in _rows(*work, lambda: stop() or bool(full)):
                    rows.append(row)
                    if row["status"] == "left":
                        full.append(row["reason"])
                    with tqdm.tqdm.external_write_mode():
                        account.tell(row)
                    bar.update()
        finally:
            all_rows = rows + [account.row(job) for job in jobs[len(rows) :]]
            # A report that is on the full disk as well is the lesser trouble.
            with contextlib.suppress(*[UserError] if full else []):
                if report:
                    account.write(report, studio.settings(), all_rows)
        if left := sum(row["status"] == "left" for row in all_rows):
            goes_on = f"the same command goes on with the {left} that are left"
            if full:
                raise UserError(f"{full[0]}; when that is mended, {goes_on}")
            raise Stopped(f"stopped; {goes_on}", stop.code)
    account.tell_of_others(rows)
    return int(any(row["status"] == "failed" for row in rows))


def _rows(
    jobs: Sequence[Job],
    studio: Studio,
    ledger: Ledger,
    overwrite: bool,
    stop: Callable[[], bool],
) -> Iterator[Row]:
    """One for each job, in their order; when asked to stop, for those begun.

    The next picture is read and the last ones are written while one is coloured.
    """
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    room = threading.Semaphore(_WAITING)
    settings = studio.settings()

    def begin(job: Job) -> _Task:
        return _Task(job, settings, ledger, overwrite, room)

    line: deque[_Task] = deque()
    try:
        coming = deque(begin(job) for job in jobs)
        reading = reader.submit(coming[0].read) if coming else None
        while reading is not None and not stop():
            task = coming.popleft()
            reading.result()
            reading = reader.submit(coming[0].read) if coming else None
            task.colour(studio, writer)
            line.append(task)
            while line and line[0].written():
                yield line.popleft().finished()
        while line:
            yield line.popleft().finished()
    finally:
        # What is being written is finished; what has not been begun is not.
        reader.shutdown(cancel_futures=True)
        writer.shutdown(cancel_futures=True)


class _Task:
    """A job under way; what goes wrong with it is noted and stops no other."""

    def __init__(
        self,
        job: Job,
        settings: Mapping[str, Any],
        ledger: Ledger,
        overwrite: bool,
        room: threading.Semaphore,
    ):
        self._job, self._settings, self._room = job, settings, room
        self._ledger, self._overwrite = ledger, overwrite
        self._picture: Picture | None = None
        self._made: dict[str, Any] = {}
        self._writes: list[Future[None]] = []
        self._seconds: list[float] = []
        self._seen: dict[str, Any] = {}
        self.row = account.row(job)
        if job.target is None and not job.skipped:
            self._fail(UserError(f"{self.row['source']}: {job.problem}"))

    def read(self) -> None:
        """Read the source, unless there is nothing to do."""
        source, target = self._job.source, self._job.target
        if target is None:
            return
        with self._noted():
            self._made = {
                "source": source.name, "stamp": stamp(source), **self._settings
            }  # fmt: skip
            if not self._overwrite and self._ledger.done(target, self._made):
                self.row |= {"status": "before", **self._ledger.seen(target)}
                if self._ledger.by_hand(target) and not self._settings["hints"]:
                    self.row["notes"] = [account.BY_HAND]
                return
            self._picture = picture = read(source)
            width, height = picture.size
            bits = 8 * picture.pixels.dtype.itemsize
            self._seen = {
                "width": width, "height": height, "bits": bits, "kind": picture.kind()
            }  # fmt: skip
            self.row |= self._seen | {
                "notes": account.notes(
                    self._seen["kind"], picture, target, self._settings["compare"]
                )
            }

    def colour(self, studio: Studio, writer: ThreadPoolExecutor) -> None:
        """Hand to the writer what is wished for."""
        if self._picture is None or self._job.target is None:
            return
        self.row["status"] = "done"  # if nothing goes wrong
        wished = studio.files(self._picture, self._job.target)
        self._picture = None
        while True:
            file = None
            with self._noted():
                file = next(wished, None)
            if file is None or self.row["status"] != "done":
                return
            self._room.acquire()
            self._writes.append(writer.submit(self._write, *file))

    def _write(self, path: Path, make: Callable[[], bytes]) -> None:
        try:
            with self._noted():
                if self.row["status"] == "done":  # else the last one would mislead
                    source = self._job.source
                    self._ledger.write(path, make(), source, self._made, self._seen)
        finally:
            self._room.release()

    def written(self) -> bool:
        """Whether all is done."""
        return all(write.done() for write in self._writes)

    def finished(self) -> Row:
        """The row, when all is done."""
        for write in self._writes:
            write.result()
        return self.row | {"seconds": round(sum(self._seconds), 3)}

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._fail(error)
        finally:
            self._seconds.append(time.perf_counter() - start)

    def _fail(self, error: Exception) -> None:
        what, source = str(error), f"{self.row['source']}: "
        if not isinstance(error, UserError):  # a library at its limits, say
            what = f"{source}{type(error).__name__}: {error}"
        elif isinstance(error, TooLargeError):  # which knows of no file
            what = source + what
        status = "left" if isinstance(error, FullError) else "failed"
        self.row |= {"status": status, "reason": " ".join(what.split())}
