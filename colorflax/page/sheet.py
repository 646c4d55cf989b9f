"""What is on the page, and where; by itself nothing of it does anything."""

import html

import gradio as gr

from colorflax.control.order import LIKENESS
from colorflax.objectives import Classification
from colorflax.page.sitting import COLOURS
from colorflax.page.style import PAINTS

_MOST_SAMPLES = 8


class Sheet:
    """The components, under the names that `Desk` has for them.

    Attributes:
        photo, which, hints, seed: what the server remembers of the page. There is no
            photograph if that is empty, and nothing remembered if it is None.
        opened: what the browser remembers: whether a photograph is shown.
        pair: before and after.
        canvas: what colours are set on; `colour` is the chosen one, `paints` are
            others by their buttons, `points` those that are set, of which `back`
            removes the last and `clear` all.
        strip: all that can be chosen.
        file: where photographs are dropped; `notice` says what of them.
        reference: where one with colours to lend is dropped; `lender` is that file, if
            it can. `preferred`: where colours are written; `written` is what was read
            there last, `palette` the colours that it names. `complaint` says why they
            cannot be lent, `likeness` how much they are.
        saturation, temperature, tau, samples, again: the settings.
        save, link: what is clicked to download, and what then does so.
    """

    def __init__(self, bins: Classification | None, about: str):
        """Lay it out, in the `gr.Blocks` that is open.

        Args:
            bins: what the head means, where it is a distribution.
            about: the last line.
        """
        self.photo, self.which = gr.State(None), gr.State(COLOURS)
        self.opened = gr.Checkbox(False, visible="hidden", elem_id="opened")
        self.hints, self.seed = gr.State(()), gr.State(0)
        self.lender, self.palette = gr.State(None), gr.State(())
        self.written = gr.State("")
        gr.HTML(
            "<h1>colorflax</h1><p>Drop a black-and-white photograph. "
            "It does not leave this machine.</p>",
            elem_id="head",
        )
        with gr.Row():
            with gr.Column(scale=3, min_width=480):
                with gr.Tabs():
                    with gr.Tab("Compare"):
                        self._compare()
                    with gr.Tab("Set colours", elem_id="set"):
                        self._set()
                self.strip = gr.Gallery(
                    show_label=False, columns=5, height=186, object_fit="cover",
                    allow_preview=False, interactive=False, buttons=[],
                    visible=False, elem_id="strip",
                )  # fmt: skip
            with gr.Column(scale=1, min_width=280):
                self.file = gr.File(label="Photograph", height=150, elem_id="file")
                self.notice = gr.HTML(elem_id="notice")
                self._settings(bins)
                self.save = gr.Button(
                    "Download", variant="primary", interactive=False, elem_id="save"
                )
                self.link = gr.DownloadButton(visible="hidden", elem_id="link")
        gr.HTML(html.escape(about), elem_id="foot")

    def _compare(self) -> None:
        self.pair = gr.ImageSlider(
            show_label=False, interactive=False, buttons=["fullscreen"],
            height=500, max_height=500, elem_id="pair",
        )  # fmt: skip

    def _set(self) -> None:
        gr.HTML(
            "Choose a colour (the first field has them all) and click on what should "
            "have it."
        )
        with gr.Row(elem_id="palette"):
            self.colour = gr.ColorPicker(
                PAINTS["skin"], label="Colour", show_label=False, container=False,
                scale=0, min_width=56, elem_id="colour",
            )  # fmt: skip
            self.paints = {
                paint: gr.Button(
                    word, size="sm", scale=0, min_width=56, elem_id=f"paint-{word}"
                )
                for word, paint in PAINTS.items()
            }
        self.canvas = gr.Image(
            show_label=False, interactive=False, buttons=[], height=500,
            elem_id="canvas",
        )  # fmt: skip
        with gr.Row():
            self.points = gr.HTML(elem_id="points")
            self.back = gr.Button(
                "Take back", size="sm", scale=0, min_width=100, interactive=False,
                elem_id="back",
            )  # fmt: skip
            self.clear = gr.Button(
                "Clear all", size="sm", scale=0, min_width=100, interactive=False,
                elem_id="clear",
            )  # fmt: skip

    def _settings(self, bins: Classification | None) -> None:
        known = bins is not None
        self.reference = gr.File(
            label="Borrow colours from", height=150, visible=known,
            elem_id="reference",
        )  # fmt: skip
        self.preferred = gr.Textbox(
            label="Or prefer these", placeholder="#c8a878, steelblue, olive",
            max_lines=1, visible=known, elem_id="preferred",
        )  # fmt: skip
        self.complaint = gr.HTML(elem_id="complaint")
        self.likeness = gr.Slider(
            0, 1, LIKENESS, step=0.05, label="Likeness", visible=False,
            elem_id="likeness",
        )  # fmt: skip
        heat, tau = (bins.temperature, bins.tau) if bins else (1, 0)
        self.saturation = gr.Slider(
            0, 2, 1, step=0.05, label="Saturation", elem_id="saturation"
        )
        self.temperature = gr.Slider(
            0.02, max(1, heat), heat, step=0.01, label="Temperature",
            visible=known, elem_id="temperature",
        )  # fmt: skip
        self.tau = gr.Slider(
            0, max(1, tau), tau, step=0.05, label="Rare colours (tau)",
            visible=bins is not None and bins.log_weights is not None,
            elem_id="tau",
        )  # fmt: skip
        self.samples = gr.Slider(
            0, _MOST_SAMPLES, 3 if known else 0, step=1,
            label="Samples", visible=known, elem_id="samples",
        )  # fmt: skip
        self.again = gr.Button("Draw others", visible=known, elem_id="again")
