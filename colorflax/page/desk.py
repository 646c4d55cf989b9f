"""What happens when the page is touched."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import gradio as gr

from colorflax.control.order import Hint, Wish, colours
from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.objectives import Classification
from colorflax.page import ranges
from colorflax.page.answers import begun, held, lent, line
from colorflax.page.sheet import Sheet
from colorflax.page.shelf import Shelf
from colorflax.page.sitting import COLOURS, CONFIDENCE, Sitting, need_small
from colorflax.workshop.studio import Studio

_WORDS = {COLOURS: "expected"}
_GONE = (
    "This photograph is no longer open: colorflax was started anew, or a great many "
    "were opened since; drop it again"
)


class Desk:
    """The page at work.

    Attributes:
        blocks: what Gradio serves.
    """

    def __init__(self, studio: Studio, most_pixels: float):
        self._studio, self._most_pixels = studio, most_pixels
        self._shelf = Shelf(studio, most_pixels)
        objective = studio.colorizer.objective
        self._bins = objective if isinstance(objective, Classification) else None
        saved, sha256 = studio.colorizer.saved, studio.settings()["checkpoint"]
        about = f"{saved.path}, step {saved.step}, SHA-256 {sha256}"
        with gr.Blocks(title="colorflax", analytics_enabled=False) as self.blocks:
            self._connect(Sheet(self._bins, about))

    def _connect(self, on: Sheet) -> None:
        settings = [on.likeness, on.saturation, on.temperature, on.tau, on.samples]
        wished = [on.hints, on.lender, on.palette, *settings, on.seed]
        knobs = [on.photo, on.opened, on.which, *wished]
        lender = [on.lender, on.palette, on.complaint, on.likeness, on.written]
        both = [*lender, on.reference, on.preferred]
        seen = [on.which, on.pair, on.canvas, on.strip]
        points = [on.hints, on.points, on.back, on.clear]
        fresh = [on.photo, on.opened, on.seed, on.notice, on.save, *seen, *points]
        # One at a time: what this needs is memory, and cores that are shared anyway.
        how: Any = {"concurrency_id": "network", "api_visibility": "private"}
        calm: Any = how | {"show_progress": "hidden"}
        given: Any = {"inputs": knobs, "js": ranges.kept(knobs)}
        show: Any = {"fn": self._show, "outputs": [*seen, on.notice]} | given
        on.file.upload(self._open, on.file, fresh, **how).then(**show, **how)
        on.file.clear(lambda: begun(), None, fresh, **how)
        on.reference.upload(self._lend, on.reference, both, **how).then(**show, **how)
        on.reference.clear(lambda: lent(), None, lender, **how).then(**show, **how)
        for written in (on.preferred.submit, on.preferred.blur):
            written(self._prefer, [on.preferred, on.written], both, **calm).success(
                **show, **calm
            )
        for knob in settings:
            knob.change(**show, trigger_mode="always_last", **calm)
        on.again.click(lambda n: n + 1, on.seed, on.seed, **calm).then(**show, **calm)
        choose = on.strip.select(self._choose, outputs=on.which, **given, **calm)
        choose.then(**show, **calm)
        for paint, button in on.paints.items():
            button.click(None, None, on.colour, js=f"() => '{paint}'")
        # Who clicks again before the picture has changed means that click as well.
        each: Any = calm | {"outputs": points, "trigger_mode": "multiple"}
        where = [on.photo, on.hints, on.colour]
        on.canvas.select(self._point, where, **each).then(**show, **calm)
        on.back.click(lambda hints: held(hints[:-1]), on.hints, **each).then(
            **show, **calm
        )
        on.clear.click(lambda: held(()), **each).then(**show, **calm)
        on.save.click(self._save, outputs=on.link, **given, **how).success(
            None, js="() => document.querySelector('#link').click()"
        )

    def _open(self, file: str) -> list[Any]:
        try:
            return begun(file, self._shelf.take(Path(file)).about)
        except UserError as error:
            return begun(problem=f"{error}.")

    def _lend(self, file: str) -> list[Any]:
        kept = gr.skip(), ""  # what is dropped, not what is written
        try:
            need_small(Path(file), self._most_pixels)
            self._studio.wishing(Wish(reference=file))
        except UserError as error:
            problem = f"{error}.".replace(shown(file), shown(Path(file).name))
            return [*lent(problem=problem), *kept]
        return [*lent(file), *kept]

    def _prefer(self, written: str, before: str) -> list[Any]:
        if written == before:  # somebody has only looked at the field
            return [gr.skip()] * 7
        kept = None, gr.skip()
        palette = colours(written.split(","))
        try:
            self._studio.wishing(Wish(palette=palette))
        except UserError as error:
            return [*lent(problem=f"{error}.", written=written), *kept]
        return [*lent(palette=palette, written=written), *kept]

    def _show(self, photo: str | None, opened: bool, which: str, *knobs: Any) -> Any:
        if photo == "" or (photo is None and not opened):
            return [gr.skip()] * 5
        try:
            sitting = self._taken(photo)
            seen = self._seen(sitting, which, self._wish(*knobs))
        except UserError as error:
            return [*[gr.skip()] * 4, line(f"{error}.")]
        return [*seen, line(sitting.about, "good")]

    def _taken(self, photo: str | None) -> Sitting:
        if photo is None or not os.path.exists(photo):
            raise UserError(_GONE)
        return self._shelf.take(Path(photo))

    def _seen(self, sitting: Sitting, which: str, wish: Wish) -> list[Any]:
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
        self,
        event: gr.SelectData,
        photo: str | None,
        opened: bool,
        which: str,
        *knobs: Any,
    ) -> str:
        try:
            names = self._taken(photo).names(self._wish(*knobs))
        except UserError:  # which is said when it is shown
            return which
        return names[event.index] if event.index < len(names) else which

    def _point(
        self,
        event: gr.SelectData,
        photo: str | None,
        hints: tuple[Hint, ...],
        colour: str,
    ) -> list[Any]:
        try:
            return held((*hints, self._taken(photo).hint(event.index, colour)))
        except UserError as error:
            return held(hints, f"{error}.")

    def _save(self, photo: str | None, opened: bool, which: str, *knobs: Any) -> str:
        try:
            name, content = self._taken(photo).file(which, self._wish(*knobs))
        except UserError as error:
            raise gr.Error(f"{error}.", print_exception=False) from None
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
