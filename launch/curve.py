"""Curves of tau, gain and temperature, from the smallest error to vivid colours.

    python -m colorflax.evaluate --checkpoint=RUN --tau=0,0.25,0.5,0.75,1 --out=tau.json
    python -m colorflax.evaluate --checkpoint=RUN --gain=1,1.5,2 --out=gain.json
    python -m launch.curve --out=curve.png tau.json gain.json

Each file of scores becomes a line through its rows, from pale to lively. The upper plot
shows the mean squared error and the lower one the share of right hues, over
colourfulness.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from colorflax import cli
from colorflax.contest import BASELINES
from colorflax.disk import files
from colorflax.errors import UserError
from launch.ablation import axes

_OUT = flags.DEFINE_string("out", "curve.png", "PNG file")


def main(argv: Sequence[str]) -> None:
    """Read scores, draw them."""
    if len(argv) < 2:
        raise UserError("name the JSON files of colorflax.evaluate --out")
    curves, truth = lines([files.local(name) for name in argv[1:]])
    across = f"colourfulness (that of the truth: {truth:.1f})"
    names = {label: curve.names for label, curve in curves.items()}
    panels = []
    for title, up, of in (
        ("What livelier colours cost", "MSE, (ab/127)^2", "error"),
        ("What they get right", "share of right hues", "hue"),
    ):
        shown = {k: (c.colourfulness, getattr(c, of)) for k, c in curves.items()}
        panels.append(axes.draw(title, across, up, shown, names=names))
    picture = axes.below(panels)
    out = files.local(_OUT.value)
    files.save(out, lambda file: picture.save(file, "PNG"))
    print(out)


class Decodings(NamedTuple):
    """The rows of a file, the palest first."""

    names: list[str]
    colourfulness: np.ndarray
    error: np.ndarray  # MSE
    hue: np.ndarray  # share of right ones


def lines(paths: Sequence[Path]) -> tuple[dict[str, Decodings], float]:
    """Of each file, by its name; and the truth's colourfulness.

    The checkpoint's own decoding is one of them where no other row is.
    """
    found: dict[str, Decodings] = {}
    truth = 0.0
    for path in paths:
        if path.stem in found:
            raise UserError(f"{path}: another file is called {path.stem}; rename one")
        rows, truth = _scores(path)
        names = sorted(rows, key=lambda name: rows[name][0])
        numbers = np.array([rows[name] for name in names])
        found[path.stem] = Decodings(names, *numbers.T)
    return found, truth


def _scores(path: Path) -> tuple[dict[str, tuple[float, ...]], float]:
    """Colourfulness, MSE and right hues of each row; the truth's colourfulness."""
    try:
        scores: dict[str, Any] = json.loads(path.read_text())["scores"]
        names = [n for n in scores if n not in (*BASELINES, "model") and " - " not in n]
        rows = {
            name: tuple(scores[name][x]["value"] for x in ("colourfulness", "mse"))
            for name in names or ["model"]
        }
        hues = [scores[name].get("hue", {}).get("value") for name in rows]
        truth = float(scores["grey"]["true_colourfulness"]["value"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: not a file that evaluate --out wrote") from None
    if None in hues:
        raise UserError(
            f"{path}: no right hues in it, as in those of older versions and of "
            "photographs without colours; evaluate again"
        )
    pairs = zip(rows.items(), hues, strict=True)
    return {name: (*numbers, hue) for (name, numbers), hue in pairs}, truth


if __name__ == "__main__":
    cli.run(main)
