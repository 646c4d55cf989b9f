"""Processes that train together: how they meet, agree, and part.

One process per machine or per GPU; all see the same photographs and the same folder of
the run. Nothing is looked up in a network, and nobody is waited for, unless a flag, a
variable or the launcher says that this process is one of several.
"""

import contextlib
import hashlib
import json
import logging
import os
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from colorflax.errors import UserError
from colorflax.machines import cluster
from colorflax.machines.cluster import Given, Place


def join(given: Given) -> None:
    """Meet the other processes, if there are any; before JAX touches a device.

    Afterwards only process 0 reports; of the others only errors are seen.

    Raises:
        UserError: `cluster.find` fails, or the processes cannot meet.
    """
    place = cluster.find(given, os.environ)
    if place is None:
        return
    # It would take SIGTERM for itself.
    jax.config.update("jax_enable_preemption_service", False)
    if place.process == 0 and place.coordinator:
        _check_port(place.coordinator)
    # JAX's own limit ends the process with a trace of C++, so it is set out of reach.
    impatience = threading.Timer(given.patience, _give_up, (place, given.patience))
    impatience.daemon = True
    impatience.start()
    try:
        jax.distributed.initialize(
            *place[:3],
            cluster_detection_method=place.cluster or "deactivate",
            initialization_timeout=int(10 * given.patience + 60),
        )
    except Exception as error:
        # Whatever a cluster raises: HTTP, sockets, Kubernetes.
        raise UserError(f"the processes cannot meet: {error}") from error
    finally:
        impatience.cancel()
    if jax.process_index() != 0:
        logging.getLogger("colorflax").setLevel(logging.ERROR)


def barrier(name: str) -> None:
    """Wait until all processes are here."""
    if jax.process_count() > 1:
        with jax.transfer_guard("allow"):
            multihost_utils.sync_global_devices(name)


def agree(values: Mapping[str, Any]) -> None:
    """Raise `UserError` in all processes unless all have the same `values`, by name.

    Values are anything that JSON holds.
    """
    if jax.process_count() == 1:
        return
    texts = [json.dumps(value, sort_keys=True) for value in values.values()]
    hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
    with jax.transfer_guard("allow"):
        tables = np.asarray(multihost_utils.process_allgather(table))
    same = (tables == tables[:1]).all(axis=-1)  # (processes, values)
    for process in np.flatnonzero(~same.all(axis=1)):
        names = [n for n, ok in zip(values, same[process], strict=True) if not ok]
        raise UserError(
            f"process {process} and process 0 differ in: {', '.join(names)}; start all "
            "with the same flags, and let them see the same files"
        )


@contextlib.contextmanager
def parting() -> Iterator[None]:
    """A process that fails ends at once.

    Left to itself it would wait at its end for the others, and they for it. So its
    launcher sees it fail and can stop the rest; without one they fail within JAX's
    heartbeat of 100 seconds.
    """
    try:
        yield
    except BaseException as error:
        code = error.code if isinstance(error, SystemExit) else 1
        together = code in (None, 0, os.EX_TEMPFAIL)  # all were asked to stop
        if together or not jax.distributed.is_initialized():
            raise
        if not isinstance(error, SystemExit):
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _check_port(coordinator: str) -> None:
    """JAX dies on a port that is taken."""
    port = int(coordinator.rpartition(":")[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except (OSError, OverflowError) as error:
            raise UserError(
                f"--coordinator={coordinator}: process 0 cannot use this port ({error})"
            ) from None


def _give_up(place: Place, patience: float) -> None:
    where = place.coordinator or f"the coordinator that {place.cluster} names"
    print(
        f"colorflax: the {place.processes or ''} processes did not all come to {where} "
        f"within {patience:g} seconds; see whether each was started and can reach it, "
        "or give them more --patience",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)
