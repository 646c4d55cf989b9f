"""The least error at one end, vivid colours at the other: a checkpoint's curve of tau.

    python -m colorflax.evaluate --checkpoint=RUN --tau=0,0.25,0.5,0.75,1 --out=tau.json
    python -m launch.curve --out=curve.png tau.json

Each file of scores becomes a line through its rows, from pale to lively: the mean
squared error upwards, colourfulness across, a dot for each row.
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from colorflax import cli, files
from colorflax.contest import BASELINES
from colorflax.errors import UserError
from launch.ablation import axes

_OUT = flags.DEFINE_string("out", "curve.png", "where to")


def main(argv: Sequence[str]) -> None:
    """Read scores, draw them."""
    if len(argv) < 2:
        raise UserError("name the JSON files of colorflax.evaluate --out")
    curves, truth = lines([files.local(name) for name in argv[1:]])
    picture = axes.draw(
        "What livelier colours cost",
        f"colourfulness (that of the truth: {truth:.1f})",
        "MSE, (ab/127)^2",
        curves,
    )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    out = files.local(_OUT.value)
    files.write(out, buffer.getvalue())
    print(out)


def lines(paths: Sequence[Path]) -> tuple[dict[str, axes.Curve], float]:
    """Curves by their label, each row a dot of its own; the truth's colourfulness."""
    curves: dict[str, axes.Curve] = {}
    truth = 0.0
    for path in paths:
        scores = _scores(path)
        points = {k: _point(x) for k, x in scores.items() if k not in BASELINES}
        line = np.array(sorted(points.values())).T
        curves[path.stem] = line[0], line[1]
        for version, (x, y) in points.items():
            curves[f"{path.stem}: {version}"] = np.array([x]), np.array([y])
        truth = scores["grey"]["true_colourfulness"]["value"]
    return curves, truth


def _scores(path: Path) -> dict[str, Any]:
    try:
        scores: dict[str, Any] = json.loads(path.read_text())["scores"]
    except (OSError, ValueError, KeyError):
        raise UserError(f"{path}: not a file that evaluate --out wrote") from None
    return {name: x for name, x in scores.items() if " - " not in name}


def _point(numbers: Mapping[str, Any]) -> tuple[float, float]:
    return numbers["colourfulness"]["value"], numbers["mse"]["value"]


if __name__ == "__main__":
    cli.run(main)
