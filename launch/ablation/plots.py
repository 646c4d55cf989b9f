"""What the runs of an ablation look like: their colours, errors and way there."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colorflax.color import chart
from launch.ablation import axes
from launch.ablation.scores import CELL, FARTHEST, LIMIT, Pixels
from launch.ablation.table import Found

_ZOOM = 4  # px of a cell of the ab plane
_ROW = 6  # planes beside each other


def draw(found: Found, workdir: Path) -> dict[str, Image.Image]:
    """By the name of their file; seeds are summed."""
    pixels = counted(found)
    return {
        "ab_planes.png": _planes(pixels),
        "ab_histograms.png": _marginals(pixels),
        "errors.png": _errors(pixels),
        "training.png": _training(found, workdir),
    }


def counted(found: Found) -> Pixels:
    """The truth first, then each member: pixels of all seeds."""
    runs = {
        training.name: scores.pixels
        for training, scores in zip(found.plan.trainings, found.scores, strict=True)
    }
    sums: Pixels = {"truth": found.scores[0].pixels["truth"]}
    for member, of_it in found.members().items():
        parts = [runs[training.name][version] for training, _, version in of_it]
        sums[member] = {kind: np.sum([p[kind] for p in parts], 0) for kind in parts[0]}
    return sums


def _marginals(pixels: Pixels) -> Image.Image:
    """Shares of a and of b on a logarithmic scale, as arXiv 1603.08511 shows the ab."""
    centres = np.arange(-LIMIT, LIMIT, CELL) + CELL / 2
    return axes.below([
        axes.draw(
            f"Colours of outputs and truth: {channel}",
            f"{channel}, ab units",
            f"share of pixels in {CELL} units",
            {
                name: (centres, of["ab"].sum(axis) / of["ab"].sum())
                for name, of in pixels.items()
            },
            log=True,
        )
        for axis, channel in ((0, "a"), (1, "b"))
    ])  # fmt: skip


def _errors(pixels: Pixels) -> Image.Image:
    steps = np.arange(FARTHEST)
    members = {name: of["error"] for name, of in pixels.items() if name != "truth"}
    across = "distance from the true ab, ab units"
    shares = {n: (steps, x[:-1] / x.sum()) for n, x in members.items()}
    within = {n: (steps + 1, np.cumsum(x[:-1]) / x.sum()) for n, x in members.items()}
    return axes.below([
        axes.draw("Errors", across, "share of pixels in 1 unit", shares, log=True),
        axes.draw("Errors, added up", across, "share of pixels within", within),
    ])  # fmt: skip


def _training(found: Found, workdir: Path) -> Image.Image:
    """The loss of each run, and the MSE of its evaluations."""
    losses: dict[str, axes.Curve] = {}
    errors: dict[str, axes.Curve] = {}
    for training in found.plan.trainings:
        path = workdir / training.name / "metrics.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for name, curves in (("train/loss", losses), ("eval/mse", errors)):
            points = [(row["step"], row[name]) for row in rows if name in row]
            if points:
                x, y = np.array(points, float).T
                curves[training.name] = x, y
    return axes.below([
        axes.draw(
            "Loss; those of different objectives are not comparable", "step",
            "loss, as trained", losses, log=True,
        ),
        axes.draw("Evaluation", "step", "MSE, (ab/127)^2", errors, log=True),
    ])  # fmt: skip


def _planes(pixels: Mapping[str, Mapping[str, np.ndarray]]) -> Image.Image:
    """The ab plane of each, a to the right, b upwards, log10 of the share of pixels."""
    side = 2 * LIMIT // CELL * _ZOOM
    step, high = side + 14, side + 34
    rows = -(-len(pixels) // _ROW)
    size = min(_ROW, len(pixels)) * step + 10, rows * high + 24
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for i, (name, of) in enumerate(pixels.items()):
        left, top = 10 + i % _ROW * step, i // _ROW * high + 24
        share = of["ab"] / of["ab"].sum()
        logs = np.log10(np.where(share > 0, share, 1e-9))
        tile = chart.shade(np.clip((logs + 5) / 5, 0, 1))[::-1]
        tile[share[::-1] == 0] = 255
        image = Image.fromarray(tile).resize((side, side), Image.Resampling.NEAREST)
        sheet.paste(image, (left, top))
        pen.rectangle((left, top, left + side, top + side), outline="black")
        pen.line((left + side / 2, top, left + side / 2, top + side), "#B0B0B0")
        pen.line((left, top + side / 2, left + side, top + side / 2), "#B0B0B0")
        pen.text((left + side / 2, top - 10), name, "black", font, "mm")
    note = "a, b from -110 to 110; log10 of the share, dark 1e-5, light 1, white none"
    pen.text((10, size[1] - 12), note, "black", font, "lm")
    return sheet
