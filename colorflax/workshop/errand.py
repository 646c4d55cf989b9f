"""One run of colorize, from its order to its exit code."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from colorflax import lock, paint, predict
from colorflax.errors import UserError
from colorflax.order import Order
from colorflax.workshop import account, album, batch, studio
from colorflax.workshop.ledger import Ledger


def run(order: Order) -> int:
    """Colour every photograph named; 1 if any of them could not be.

    Raises:
        UserError: the order cannot be done as it is.
    """
    if "-" in order.names:
        return _pipe(order)
    _need_writable(order.out, "--out")
    if order.report:
        _need_writable(order.report.parent, "--report")
        account.need_report(order.report)
    at_work = _studio(order)
    # Two at once would each take the other's names for free.
    with lock.hold_folder(order.out, "--out"):
        ledger = Ledger(order.out)
        jobs = album.plan(order.names, order.out, order.wish.format, ledger)
        targets = [job.target for job in jobs if job.target]
        if order.wish.hints and len(targets) > 1:
            raise UserError(
                f"--hint is about one photograph, and these are {len(targets)}; name "
                "one of them"
            )
        album.sweep([*targets, order.report] if order.report else targets)
        return batch.colour(jobs, at_work, ledger, order.overwrite, order.report)


def _studio(order: Order) -> studio.Studio:
    wish = order.wish
    guided = wish.edges == "guided"
    with ThreadPoolExecutor(1) as beside:  # it takes as long as the loading
        beside.submit(paint.ready)
        return studio.Studio(predict.load(order.checkpoint, wish.size, guided), wish)


def _pipe(order: Order) -> int:
    wish = order.wish
    if len(order.names) > 1 or wish.samples or wish.confidence or wish.compare:
        raise UserError("- is one picture in and one out: name nothing else")
    if order.report is not None:
        raise UserError("--report is about files; leave it out with -")
    at_work = _studio(order)
    sys.stdout.buffer.write(at_work.one(sys.stdin.buffer.read(), "standard input"))
    sys.stdout.buffer.flush()
    return 0


def _need_writable(folder: Path, flag: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); name another {flag}"
        ) from None
