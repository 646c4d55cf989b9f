"""The page on which photographs are coloured; the only room that knows Gradio.

It is for this machine alone, and asks nobody else for anything.
"""

import dataclasses
import html
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when it is imported
import gradio as gr
import uvicorn
from fastapi import FastAPI

from colorflax.errors import UserError
from colorflax.gate import Gate
from colorflax.objectives import Classification
from colorflax.order import Wish
from colorflax.sitting import COLOURS, Sitting
from colorflax.workshop.studio import Studio

_HOST = "127.0.0.1"
_TABS = 4  # whose photographs are kept
_MOST_SAMPLES = 8
_CSS = """
.gradio-container {width: 100%; max-width: 1200px !important; margin: auto}
#head h1 {margin: 0; font-size: 1.6rem; font-weight: 650; letter-spacing: -.02em}
#head p, #notice .good, #foot {opacity: .65}
#foot {font-size: .8rem; overflow-wrap: anywhere}
#notice .bad {color: var(--error-text-color); font-weight: 600}
"""


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
        print(f"http://{_HOST}:{listening.getsockname()[1]}", flush=True)
        server.run(sockets=[listening])


def _mounted(studio: Studio, limits: Limits) -> FastAPI:
    page = _Page(studio, limits).blocks
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
        theme=_theme(),
        css=_CSS,
    )
    # Unless it believes this, Gradio reads any file that a request names.
    page.has_launched = True
    return app


def _theme() -> gr.themes.Base:
    """Fonts are those of this machine, for others are fetched."""
    theme = gr.themes.Soft(
        primary_hue="teal",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        body_background_fill="*background_fill_secondary",
        block_title_background_fill="none",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
    )


class _Page:
    """What is on the page, and what happens when it is touched."""

    def __init__(self, studio: Studio, limits: Limits):
        self._studio, self._limits = studio, limits
        objective = studio.colorizer.objective
        self._bins = objective if isinstance(objective, Classification) else None
        with gr.Blocks(title="colorflax", analytics_enabled=False) as self.blocks:
            self._build()

    def _build(self) -> None:
        bins = self._bins is not None
        heat, tau = (self._bins.temperature, self._bins.tau) if self._bins else (1, 0)
        saved, settings = self._studio.colorizer.saved, self._studio.settings()
        sitting, which, seed = gr.State(None), gr.State(COLOURS), gr.State(0)
        gr.HTML(
            "<h1>colorflax</h1><p>Drop a black-and-white photograph. "
            "It does not leave this machine.</p>",
            elem_id="head",
        )
        with gr.Row():
            with gr.Column(scale=3, min_width=480):
                pair = gr.ImageSlider(
                    show_label=False, interactive=False, buttons=["fullscreen"],
                    height=500, max_height=500, elem_id="pair",
                )  # fmt: skip
                strip = gr.Gallery(
                    show_label=False, columns=5, height=186, object_fit="cover",
                    allow_preview=False, interactive=False, buttons=[],
                    visible=False, elem_id="strip",
                )  # fmt: skip
            with gr.Column(scale=1, min_width=280):
                file = gr.File(label="Photograph", height=150, elem_id="file")
                notice = gr.HTML(elem_id="notice")
                saturation = gr.Slider(
                    0, 2, 1, step=0.05, label="Saturation", elem_id="saturation"
                )
                temperature = gr.Slider(
                    0.02, max(1, heat), heat, step=0.01, label="Temperature",
                    visible=bins, elem_id="temperature",
                )  # fmt: skip
                rare = gr.Slider(
                    0, max(1, tau), tau, step=0.05, label="Rare colours (tau)",
                    visible=self._bins is not None
                    and self._bins.log_weights is not None,
                    elem_id="tau",
                )  # fmt: skip
                samples = gr.Slider(
                    0, _MOST_SAMPLES, 3 if bins else 0, step=1,
                    label="Samples", visible=bins, elem_id="samples",
                )  # fmt: skip
                again = gr.Button("Draw others", visible=bins, elem_id="again")
                save = gr.Button(
                    "Download", variant="primary", interactive=False, elem_id="save"
                )
                link = gr.DownloadButton(visible="hidden", elem_id="link")
        about = f"{saved.path}, step {saved.step}, SHA-256 {settings['checkpoint']}"
        gr.HTML(html.escape(about), elem_id="foot")

        knobs = [sitting, which, saturation, temperature, rare, samples, seed]
        shown = [which, pair, strip]
        begun = [sitting, seed, which, notice, save, pair, strip]
        # One at a time: what this needs is memory, and cores that are shared anyway.
        how: Any = {"concurrency_id": "network", "api_visibility": "private"}
        calm: Any = how | {"show_progress": "hidden"}
        file.upload(self._open, file, begun, **how).then(
            self._show, knobs, shown, **how
        )
        file.clear(lambda: _begun(None), None, begun, **how)
        for knob in (saturation, temperature, rare, samples):
            knob.change(self._show, knobs, shown, trigger_mode="always_last", **calm)
        again.click(lambda n: n + 1, seed, seed, **calm).then(
            self._show, knobs, shown, **calm
        )
        strip.select(self._choose, knobs, which, **calm).then(
            self._show, knobs, shown, **calm
        )
        save.click(self._save, knobs, link, **how).success(
            None, js="() => document.querySelector('#link').click()"
        )

    def _open(self, file: str) -> list[Any]:
        try:
            return _begun(Sitting(self._studio, Path(file), self._limits.pixels))
        except UserError as error:
            return _begun(None, f"{error}.")

    def _show(self, sitting: Sitting | None, which: str, *knobs: Any) -> Any:
        if sitting is None:
            return [gr.skip()] * 3
        wish = self._wish(*knobs)
        names = sitting.names(wish)
        which = which if which in names else COLOURS  # there are fewer samples now
        strip = [
            (pixels, _WORDS.get(name, name.replace("-", " ")))
            for name, pixels in sitting.choices(wish)
        ]
        after = sitting.show(which, wish)
        chosen = gr.update(
            value=strip, selected_index=names.index(which), visible=len(names) > 1
        )
        return [which, (sitting.before, after), chosen]

    def _choose(
        self, event: gr.SelectData, sitting: Sitting | None, which: str, *knobs: Any
    ) -> str:
        names = sitting.names(self._wish(*knobs)) if sitting else [which]
        return names[event.index] if event.index < len(names) else which

    def _save(self, sitting: Sitting | None, which: str, *knobs: Any) -> str:
        if sitting is None:
            raise gr.Error("This photograph is no longer open; drop it again.")
        name, content = sitting.file(which, self._wish(*knobs))
        folder = Path(os.environ["GRADIO_TEMP_DIR"], "made")
        shutil.rmtree(folder, ignore_errors=True)  # Gradio has a copy of the last one
        folder.mkdir()
        (folder / name).write_bytes(content)
        return str(folder / name)

    def _wish(
        self, saturation: float, temperature: float, tau: float, samples: int, seed: int
    ) -> Wish:
        """As the flags of `colorize`: what the checkpoint does itself is not set."""
        plain = Wish(saturation=float(saturation))
        if self._bins is None:
            return plain
        return dataclasses.replace(
            plain,
            temperature=_unless(self._bins.temperature, temperature),
            tau=_unless(self._bins.tau, tau),
            samples=int(samples),
            seed=seed,
        )


def _unless(own: float, chosen: float) -> float | None:
    return None if chosen == own else float(chosen)


_WORDS = {COLOURS: "expected"}


def _begun(sitting: Sitting | None, problem: str = "") -> list[Any]:
    """A new photograph, or none: what that makes of the page."""
    words = html.escape(sitting.about if sitting else problem)
    mood = "good" if sitting else "bad"
    line = f'<p class="{mood}" role="status">{words}</p>' if words else ""
    save = gr.update(interactive=sitting is not None)
    return [sitting, 0, COLOURS, line, save, None, gr.update(value=[], visible=False)]
