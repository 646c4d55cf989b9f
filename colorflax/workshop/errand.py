"""One run of colorize, from its order to its exit code."""

import sys

from colorflax.control.order import Order
from colorflax.disk import files, lock
from colorflax.errors import UserError
from colorflax.workshop import account, album, batch, studio
from colorflax.workshop.ledger import Ledger


def run(order: Order) -> int:
    """Colour every photograph named; 1 if any of them could not be.

    Raises:
        UserError: the order cannot be done as it is.
    """
    if "-" in order.names:
        return _pipe(order)
    files.need_writable(order.out, "--out")
    if order.report:
        files.need_writable(order.report.parent, "--report")
        account.need_report(order.report)
    at_work = studio.hire(order.checkpoint, order.wish)
    # Two at once would each take the other's names for free.
    with lock.hold_folder(order.out, "--out"):
        ledger = Ledger(order.out)
        kept = [order.report] if order.report else []
        jobs = album.plan(
            order.names, order.out, order.wish.format, ledger, order.wish.beside, kept
        )
        targets = [job.target for job in jobs if job.target]
        if order.wish.hints and len(targets) > 1:
            raise UserError(
                f"--hint is about one photograph, and these are {len(targets)}; name "
                "one of them"
            )
        album.sweep([*targets, *kept])
        return batch.colour(jobs, at_work, ledger, order.overwrite, order.report)


def _pipe(order: Order) -> int:
    if len(order.names) > 1:
        raise UserError("- is one picture in and one out: name nothing else")
    for flag in ("samples", "confidence", "compare"):
        if getattr(order.wish, flag):
            raise UserError(
                f"--{flag} writes more than one picture, and - has room for one; leave "
                f"--{flag} out, or name a file in place of -"
            )
    if order.report is not None:
        raise UserError("--report is about files; leave it out with -")
    if sys.stdin is None or sys.stdout is None:
        raise UserError("- needs a standard input and output; one is closed")
    at_work = studio.hire(order.checkpoint, order.wish)
    sys.stdout.buffer.write(at_work.one(sys.stdin.buffer.read(), "standard input"))
    sys.stdout.buffer.flush()
    return 0
