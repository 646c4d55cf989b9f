"""The page on a port of this machine, behind the gate, until somebody stops it."""

import dataclasses
import logging
import os
import socket
import tempfile
from asyncio import CancelledError
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI

from colorflax.errors import UserError
from colorflax.page import dropping, style
from colorflax.page.desk import Desk
from colorflax.page.gate import Gate
from colorflax.workshop.studio import Studio

_HOST = "127.0.0.1"
_TABS = 100  # whose choices are kept, which are small


@dataclasses.dataclass(frozen=True)
class Limits:
    """How large an upload may be."""

    bytes: int
    pixels: float


def serve(studio: Studio, port: int, limits: Limits) -> None:
    """Serve the page, on this machine only, until Ctrl-C; prints its address.

    Raises:
        UserError: the port is taken.
    """
    try:
        listening = socket.create_server((_HOST, port))
    except OSError as error:
        raise UserError(
            f"--port={port}: {os.strerror(error.errno or 0)}; name another, or 0 for "
            "any that is free"
        ) from None
    # All that is uploaded and shown lies here, and is gone with the page.
    with listening, tempfile.TemporaryDirectory(prefix="colorflax-page-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        server = uvicorn.Server(
            uvicorn.Config(
                Gate(_mounted(studio, limits), Path(folder), limits.bytes),
                log_level="error",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_no_farewell)
        print(f"http://{_HOST}:{listening.getsockname()[1]}", flush=True)
        server.run(sockets=[listening])


def _no_farewell(record: logging.LogRecord) -> bool:
    """Nothing is wrong where a page that is still open loses its server."""
    if "graceful shutdown exceeded" in record.getMessage():
        return False
    return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))


def _mounted(studio: Studio, limits: Limits) -> FastAPI:
    page = Desk(studio, limits.pixels).blocks
    page.state_session_capacity = _TABS
    app = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        theme=style.theme(),
        css=style.CSS,
        js=dropping.SCRIPT,
    )
    # Unless it believes this, Gradio reads any file that a request names.
    page.has_launched = True
    # Every tab would hold a connection for ever, of the six that a browser has for all.
    page.config["connect_heartbeat"] = False
    return app
