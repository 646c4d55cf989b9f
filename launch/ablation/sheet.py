"""Photographs side by side: grey, as each member colours them, and the truth."""

import fnmatch
import textwrap
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from colorflax import checkpoint
from colorflax.coloring import joined, split
from colorflax.contest import judge
from colorflax.data import pipeline
from colorflax.data.library import Division
from colorflax.data.photographs import Photographs
from colorflax.errors import UserError
from launch.ablation import scores
from launch.ablation.table import SEED, Found

EACH = 4  # photographs of each kind

_SIDE = 96  # px at least, of a picture on the sheet
_GAP, _HEAD, _MARGIN = 4, 64, 84


def need_some(pattern: str, validation: Photographs) -> None:
    """Refuse a pattern of names before anything is trained for it.

    Raises:
        UserError: it fits no photograph.
    """
    if not any(_fits(photo.read().name, pattern) for photo in validation):
        raise UserError(
            f"config.shown={pattern} fits no photograph of the validation, such as "
            f"{Path(validation[0].read().name).name}"
        )


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(Path(name).name, pattern)


def chosen(found: Found) -> dict[str, Int[np.ndarray, " k"]]:
    """Which photographs are shown, none of them picked by hand.

    The first by content hash; others drawn at random; of the rest, those with the
    largest error of the first reference, seeds averaged. All of those whose names the
    plan lets be shown; `need_some` has found one.
    """
    may = [i for i, x in enumerate(found.result.names) if _fits(x, found.plan.shown)]
    first = np.array(may[:EACH])
    drawn = np.random.default_rng(SEED).permutation(may)
    drawn = np.sort(drawn[~np.isin(drawn, first)][:EACH])
    sums, _ = found.mean(found.reference(found.plan.networks[0]))["mse"].T
    hardest = np.argsort(-sums, kind="stable")
    hardest = hardest[np.isin(hardest, may)]
    worst = hardest[~np.isin(hardest, [*first, *drawn])][:EACH]
    kinds = {"first by hash": first, "at random": drawn}
    kinds[f"worst of {found.plan.reference}"] = worst
    return {name: rows for name, rows in kinds.items() if len(rows)}


def draw(
    found: Found, saved: Mapping[str, checkpoint.Saved], sides: Division
) -> Image.Image:
    """A row for each photograph, a column for each member, from its first seed.

    Args:
        found: what was measured.
        saved: checkpoints by the name of their run.
        sides: the photographs.
    """
    kinds = chosen(found)
    shown = np.concatenate(list(kinds.values()))
    columns = _columns(found, saved, sides, shown)
    side = max(_SIDE, found.plan.data.size)
    step = side + _GAP
    size = _MARGIN + step * len(columns), _HEAD + step * len(shown)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for x, (name, pictures) in enumerate(columns.items()):
        left = _MARGIN + x * step
        label = textwrap.fill(name, max(6, side // 6), break_long_words=False)
        pen.multiline_text(
            (left + side / 2, _HEAD - 4), label, "black", font, "md", align="center"
        )
        for y, picture in enumerate(pictures):
            image = Image.fromarray(picture)
            large = image.resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(large, (left, _HEAD + y * step))
    labels = [name for name, rows in kinds.items() for _ in rows]
    for y, (name, row) in enumerate(zip(labels, shown, strict=True)):
        words = f"{name}\n{found.result.photographs[row][:8]}"
        pen.multiline_text((4, _HEAD + y * step + 4), words, "black", font)
    return sheet


def _columns(
    found: Found,
    saved: Mapping[str, checkpoint.Saved],
    sides: Division,
    shown: Int[np.ndarray, " k"],
) -> dict[str, UInt8[np.ndarray, "k s s 3"]]:
    photos, data = sides.validation[shown], found.plan.data
    firsts: dict[str, tuple[str, str]] = {}
    for member, of_it in found.members().items():
        training, _, version = of_it[0]
        firsts[member] = training.name, version
    columns: dict[str, np.ndarray] = {}
    truth = None
    for training in found.plan.trainings:
        wanted = {v: m for m, (name, v) in firsts.items() if name == training.name}
        if not wanted:
            continue
        model = scores.network(training, saved[training.name])
        batch = next(
            pipeline.evaluation_batches(
                photos, model.embeddings(photos), data, batch_size=len(shown)
            )
        )
        painted, _ = model.squares(batch)
        L, _ = split(jnp.asarray(batch["rgb"]))
        if truth is None:
            truth = batch["rgb"]
            columns["grey"] = np.asarray(joined(L, 0 * judge.true_squares(truth)))
        for version, member in wanted.items():
            columns[member] = np.asarray(joined(L, painted[version]))
    assert truth is not None
    return columns | {"truth": truth}
