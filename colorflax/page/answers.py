"""What the page becomes by what is done on it."""

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from colorflax.control.order import Hint
from colorflax.page.sitting import COLOURS


def begun(photo: str = "", about: str = "", problem: str = "") -> list[Any]:
    """By a new photograph, or none."""
    some = photo != ""
    said = line(about, "good") if some else line(problem)
    save = gr.update(interactive=some)
    shown = [COLOURS, None, None, gr.update(value=[], visible=False)]
    return [photo, some, 0, said, save, *shown, *held(())]


def lent(
    file: str | None = None,
    palette: tuple[str, ...] = (),
    problem: str = "",
    written: str = "",
) -> list[Any]:
    """By a reference, a palette that was written, or none."""
    some = bool(file or palette)
    return [file, palette, line(problem), gr.update(visible=some), written]


def held(hints: Sequence[Hint], problem: str = "") -> list[Any]:
    """By so many colours that are set by hand."""
    points = "".join(
        f'<span><i style="background: {hint.colour}"></i>{hint.x}, {hint.y}</span>'
        for hint in hints
    )
    some = gr.update(interactive=bool(hints))
    return [tuple(hints), points + line(problem), some, some]


def line(words: str, mood: str = "bad") -> str:
    """What is said of what somebody has done, or nothing."""
    said = html.escape(words)
    return f'<p class="{mood}" role="status">{said}</p>' if said else ""
