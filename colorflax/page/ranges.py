"""Numbers that are typed beside a slider, brought into its range by the browser."""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr


def kept(inputs: Sequence[Any]) -> str:
    """JavaScript for an event with these inputs: of a number out of range, the nearest.

    Gradio refuses it with a traceback, while somebody is still typing. An empty field
    counts as what it was at first.
    """
    ranges = [
        [x.minimum, x.maximum, x.value] if isinstance(x, gr.Slider) else None
        for x in inputs
    ]
    return (
        f"(...given) => {json.dumps(ranges)}.map((range, i) => range === null ? "
        "given[i] : typeof given[i] !== 'number' ? range[2] : "
        "Math.min(Math.max(given[i], range[0]), range[1]))"
    )
