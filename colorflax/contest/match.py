"""A network and its baselines on the same photographs: what each scores on each.

Every photograph counts once. Two modes, never mixed: `fixed` shows everybody the square
view of the config; `full` is the photograph at its own resolution, as `predict` colours
it. Baselines see the same pixels: grey, one colour for all (the mean of the training
photographs; of bits, in `fixed`, how often each bin occurs there), and the colours of
another photograph.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from colorflax import config, metrics
from colorflax.contest import contenders, judge
from colorflax.contest.baselines import BASELINES, Known, partners, squares, survey
from colorflax.contest.contenders import Model, Parts, mean_of
from colorflax.data.library import Division
from colorflax.data.photographs import Photographs
from colorflax.metrics import bootstrap, calibration, hue

HUES = ("hue", *(f"hue_{arc}" for arc in hue.ARCS))
FINISH: dict[str, bootstrap.Finish] = {
    "calibration_error": calibration.error,
    **dict.fromkeys(HUES, bootstrap.ratio),
}
"""Of the numbers that are no mean of values."""

TRUTH = "truth"

Watch = Callable[[Mapping[str, np.ndarray]], None]
"""Is shown each batch of photographs as every system painted it, and the `TRUTH`."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What everybody scored on every photograph.

    Attributes:
        photographs: SHA-256 of each file, in their order.
        names: of each, for people.
        systems: for each version of the model and each baseline its `Parts`.
        protocol: what the numbers depend on beside the model.
        fid: of each system, where somebody watched for it.
    """

    photographs: tuple[str, ...]
    names: tuple[str, ...]
    systems: Mapping[str, Parts]
    protocol: Mapping[str, Any]
    fid: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def values(self, system: str, number: str) -> Float[np.ndarray, " n"]:
        """A number of each photograph, in their order; NaN where it has none.

        Two results on photographs of the same hash and mode can be compared in pairs.
        """
        finish = FINISH.get(number, bootstrap.ratio)
        return finish(self.systems[system][number])


def evaluate(
    model: Model,
    sides: Division,
    settings: config.Data,
    mode: str,
    *,
    batch_size: int = 16,
    seed: int = 0,
    watch: Watch | None = None,
) -> Result:
    """Judge `model` and the baselines on `sides.validation`.

    Args:
        model: what colours.
        sides: the mean colour is that of `sides.training`.
        settings: of the views.
        mode: fixed or full.
        batch_size: of squares; the numbers do not depend on it, but for rounding.
        seed: of whose colours a photograph is given by the baseline `random`.
        watch: who wants to see the pictures.
    """
    photos = sides.validation
    known = survey(sides, settings, mode, batch_size, seed)
    contest = _Contest(
        model, photos, settings, batch_size, known, partners(len(photos), seed), watch
    )
    found: dict[str, list[Parts]] = {}
    for batch in contest.full() if mode == "full" else contest.fixed():
        for system, parts in batch.items():
            found.setdefault(system, []).append(parts)
    names = photos.digests.tobytes().hex()
    return Result(
        photographs=tuple(names[i : i + 64] for i in range(0, len(names), 64)),
        names=tuple(photo.read().name for photo in photos),
        systems={system: _joined(parts) for system, parts in found.items()},
        protocol={
            "mode": mode,
            "photographs": len(photos),
            "data_sha256": hashlib.sha256(names.encode()).hexdigest(),
            "view": _view(settings) if mode == "fixed" else "the whole photograph",
            "mean_colour": {
                "ab": [float(x) for x in known.mean],
                "of": f"{'evaluated' if known.own else 'training'} photographs",
                "photographs": known.seen,
            },
            "random_seed": seed,
            "colour_probabilities": "of the evaluated pixels",
        },
    )


def beside(results: Mapping[str, Result]) -> Result:
    """Of several on the same photographs: the model of each by its name."""
    first = next(iter(results.values()))
    systems = {name: result.systems["model"] for name, result in results.items()}
    fid = {name: result.fid["model"] for name, result in results.items() if result.fid}
    for baseline in (x for x in BASELINES if x in first.systems):
        # Beside a classification they have more to say.
        said = [result.systems[baseline] for result in results.values()]
        systems[baseline] = max(said, key=len)
    return dataclasses.replace(first, systems=systems, fid={**first.fid, **fid})


@dataclasses.dataclass(frozen=True)
class _Contest:
    model: Model
    photos: Photographs
    settings: config.Data
    batch_size: int
    known: Known
    partner: np.ndarray | None
    watch: Watch | None

    def fixed(self) -> Iterator[dict[str, Parts]]:
        others = squares(self._others(), None, self.settings, self.batch_size)
        embeddings = self.model.embeddings(self.photos)
        batches = squares(self.photos, embeddings, self.settings, self.batch_size)
        for batch, other in zip(batches, others, strict=True):
            rgb, mask = batch["rgb"], batch["mask"]
            painted, beside = self.model.squares(batch)
            painted |= self._baselines(rgb.shape[:3])
            if self.partner is not None:
                painted["random"] = judge.true_squares(other["rgb"])
            if self.watch is not None:
                seen = {n: judge.pictures(rgb, x)[mask] for n, x in painted.items()}
                self.watch(seen | {TRUTH: rgb[mask]})
            parts = self._parts(
                {
                    n: judge.squares(rgb, ab, self.known.weights)
                    for n, ab in painted.items()
                },
                beside,
                mask,
            )
            if beside:
                believed = contenders.constant(self.known.usual, rgb)
                parts["mean"] |= {name: x[mask] for name, x in believed.items()}
            yield parts

    def full(self) -> Iterator[dict[str, Parts]]:
        for photo, other in zip(self.photos, self._others(), strict=True):
            image = photo.open()
            rgb = np.asarray(image)
            painted, beside = self.model.photograph(image)
            painted |= self._baselines(rgb.shape[:2])
            if self.partner is not None:
                resized = other.open().resize(image.size, Image.Resampling.BILINEAR)
                painted["random"] = judge.true_ab(np.asarray(resized))
            if self.watch is not None:
                seen = {n: judge.picture(rgb, x)[None] for n, x in painted.items()}
                self.watch(seen | {TRUTH: rgb[None]})
            yield self._parts(
                {
                    n: judge.photograph(rgb, x, self.known.weights)
                    for n, x in painted.items()
                },
                beside,
                np.ones(1, bool),
            )

    def _others(self) -> Photographs:
        return self.photos if self.partner is None else self.photos[self.partner]

    def _baselines(self, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        grey = np.zeros((*shape, 2), np.float32)
        return {"grey": grey, "mean": grey + self.known.mean}

    def _parts(
        self, totals: dict[str, judge.Totals], beside: Parts, mask: np.ndarray
    ) -> dict[str, Parts]:
        """Of the photographs in a batch that are no blanks."""
        return {
            system: {
                name: x[mask]
                for name, x in (
                    _of_totals(found) | (beside if system in self.model.names else {})
                ).items()
            }
            for system, found in totals.items()
        }


def _of_totals(totals: judge.Totals) -> Parts:
    parts = {name: mean_of(x) for name, x in judge.numbers(totals).items()}
    weight = totals["weight"]
    near = weight - totals["weighted_clipped"] / metrics.FARTHEST
    rebalanced = {"auc_rebalanced": np.stack([near, weight], axis=1)}
    return parts | rebalanced | hue.parts(totals)


def _joined(parts: list[Parts]) -> Parts:
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _view(settings: config.Data) -> str:
    size = f"{settings.size} x {settings.size} px"
    if settings.fit == "pad":
        return f"{size}, the whole photograph on white"
    return f"{size} from the middle, short side resized to {settings.short_side} px"
