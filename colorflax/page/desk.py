"""What happens when the page is touched."""

import dataclasses
import html
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from colorflax.control.order import Hint, Wish
from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.objectives import Classification
from colorflax.page.sheet import Sheet
from colorflax.page.sitting import COLOURS, CONFIDENCE, Sitting, need_small
from colorflax.workshop.studio import Studio

_WORDS = {COLOURS: "expected"}
_GONE = "This photograph is no longer open; drop it again."


class Desk:
    """The page at work.

    Attributes:
        blocks: what Gradio serves.
    """

    def __init__(self, studio: Studio, most_pixels: float):
        self._studio, self._most_pixels = studio, most_pixels
        objective = studio.colorizer.objective
        self._bins = objective if isinstance(objective, Classification) else None
        saved, sha256 = studio.colorizer.saved, studio.settings()["checkpoint"]
        about = f"{saved.path}, step {saved.step}, SHA-256 {sha256}"
        with gr.Blocks(title="colorflax", analytics_enabled=False) as self.blocks:
            self._connect(Sheet(self._bins, about))

    def _connect(self, on: Sheet) -> None:
        settings = [on.likeness, on.saturation, on.temperature, on.tau, on.samples]
        given = [on.hints, on.lender, on.palette]
        knobs = [on.sitting, on.which, *given, *settings, on.seed]
        lent = [on.lender, on.palette, on.complaint, on.likeness]
        both = [*lent, on.reference, on.preferred]
        shown = [on.which, on.pair, on.canvas, on.strip]
        held = [on.hints, on.points, on.back, on.clear]
        begun = [on.sitting, on.seed, on.notice, on.save, *shown, *held]
        # One at a time: what this needs is memory, and cores that are shared anyway.
        how: Any = {"concurrency_id": "network", "api_visibility": "private"}
        calm: Any = how | {"show_progress": "hidden"}
        show: Any = {"fn": self._show, "inputs": knobs, "outputs": shown}
        on.file.upload(self._open, on.file, begun, **how).then(**show, **how)
        on.file.clear(lambda: _begun(None), None, begun, **how)
        on.reference.upload(self._lend, on.reference, both, **how).then(**show, **how)
        on.reference.clear(lambda: _lent(), None, lent, **how).then(**show, **how)
        for written in (on.preferred.submit, on.preferred.blur):
            written(self._prefer, [on.preferred, on.palette], both, **calm).success(
                **show, **calm
            )
        for knob in settings:
            knob.change(**show, trigger_mode="always_last", **calm)
        on.again.click(lambda n: n + 1, on.seed, on.seed, **calm).then(**show, **calm)
        on.strip.select(self._choose, knobs, on.which, **calm).then(**show, **calm)
        for paint, button in on.paints.items():
            button.click(None, None, on.colour, js=f"() => '{paint}'")
        # Who clicks again before the picture has changed means that click as well.
        each: Any = calm | {"outputs": held, "trigger_mode": "multiple"}
        where = [on.sitting, on.hints, on.colour]
        on.canvas.select(self._point, where, **each).then(**show, **calm)
        on.back.click(lambda hints: _held(hints[:-1]), on.hints, **each).then(
            **show, **calm
        )
        on.clear.click(lambda: _held(()), **each).then(**show, **calm)
        on.save.click(self._save, knobs, on.link, **how).success(
            None, js="() => document.querySelector('#link').click()"
        )

    def _open(self, file: str) -> list[Any]:
        try:
            return _begun(Sitting(self._studio, Path(file), self._most_pixels))
        except UserError as error:
            return _begun(None, f"{error}.")

    def _lend(self, file: str) -> list[Any]:
        kept = gr.skip(), ""  # what is dropped, not what is written
        try:
            need_small(Path(file), self._most_pixels)
            self._studio.wishing(Wish(reference=file))
        except UserError as error:
            problem = f"{error}.".replace(shown(file), shown(Path(file).name))
            return [*_lent(problem=problem), *kept]
        return [*_lent(file), *kept]

    def _prefer(self, written: str, before: tuple[str, ...]) -> list[Any]:
        colours = tuple(filter(None, map(str.strip, written.split(","))))
        if colours == before:  # somebody has only looked at the field
            return [gr.skip()] * 6
        kept = None, gr.skip()
        try:
            self._studio.wishing(Wish(palette=colours))
        except UserError as error:
            return [*_lent(problem=f"{error}."), *kept]
        return [*_lent(palette=colours), *kept]

    def _show(self, sitting: Sitting | None, which: str, *knobs: Any) -> Any:
        if sitting is None:
            return [gr.skip()] * 4
        wish = self._wish(*knobs)
        names = sitting.names(wish)
        which = which if which in names else COLOURS  # there are fewer samples now
        strip = [
            (pixels, _WORDS.get(name, name.replace("-", " ")))
            for name, pixels in sitting.choices(wish)
        ]
        after = sitting.show(which, wish)
        # A map of confidence does not show what becomes of a colour.
        plain = sitting.show(COLOURS, wish) if which == CONFIDENCE else after
        chosen = gr.update(
            value=strip, selected_index=names.index(which), visible=len(names) > 1
        )
        return [
            which, (sitting.before, after), sitting.marked(plain, wish.hints), chosen
        ]  # fmt: skip

    def _choose(
        self, event: gr.SelectData, sitting: Sitting | None, which: str, *knobs: Any
    ) -> str:
        names = sitting.names(self._wish(*knobs)) if sitting else [which]
        return names[event.index] if event.index < len(names) else which

    def _point(
        self,
        event: gr.SelectData,
        sitting: Sitting | None,
        hints: tuple[Hint, ...],
        colour: str,
    ) -> list[Any]:
        if sitting is None:
            return _held((), _GONE)
        try:
            return _held((*hints, sitting.hint(event.index, colour)))
        except UserError as error:
            return _held(hints, f"{error}.")

    def _save(self, sitting: Sitting | None, which: str, *knobs: Any) -> str:
        if sitting is None:
            raise gr.Error(_GONE)
        name, content = sitting.file(which, self._wish(*knobs))
        folder = Path(os.environ["GRADIO_TEMP_DIR"], "made")
        shutil.rmtree(folder, ignore_errors=True)  # Gradio has a copy of the last one
        folder.mkdir()
        (folder / name).write_bytes(content)
        return str(folder / name)

    def _wish(
        self,
        hints: tuple[Hint, ...],
        lender: str | None,
        palette: tuple[str, ...],
        likeness: float,
        saturation: float,
        temperature: float,
        tau: float,
        samples: int,
        seed: int,
    ) -> Wish:
        """As the flags of `colorize`: what the checkpoint does itself is not set."""
        plain = Wish(saturation=float(saturation), hints=hints)
        if self._bins is None:
            return plain
        return dataclasses.replace(
            plain,
            temperature=_unless(self._bins.temperature, temperature),
            tau=_unless(self._bins.tau, tau),
            reference=lender,
            palette=palette,
            likeness=float(likeness),
            samples=int(samples),
            seed=seed,
        )


def _unless(own: float, chosen: float) -> float | None:
    return None if chosen == own else float(chosen)


def _begun(sitting: Sitting | None, problem: str = "") -> list[Any]:
    """A new photograph, or none: what that makes of the page."""
    line = _line(sitting.about, "good") if sitting else _line(problem)
    save = gr.update(interactive=sitting is not None)
    shown = [COLOURS, None, None, gr.update(value=[], visible=False)]
    return [sitting, 0, line, save, *shown, *_held(())]


def _lent(
    file: str | None = None, palette: tuple[str, ...] = (), problem: str = ""
) -> list[Any]:
    """A reference, a palette, or none: what that makes of the page."""
    some = bool(file or palette)
    return [file, palette, _line(problem), gr.update(visible=some)]


def _held(hints: Sequence[Hint], problem: str = "") -> list[Any]:
    """So many colours are set by hand: what that makes of the page."""
    line = "".join(
        f'<span><i style="background: {hint.colour}"></i>{hint.x}, {hint.y}</span>'
        for hint in hints
    )
    some = gr.update(interactive=bool(hints))
    return [tuple(hints), line + _line(problem), some, some]


def _line(words: str, mood: str = "bad") -> str:
    """What is said of what somebody has done, or nothing."""
    said = html.escape(words)
    return f'<p class="{mood}" role="status">{said}</p>' if said else ""
