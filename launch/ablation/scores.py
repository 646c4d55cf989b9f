"""What a run scored on each photograph: measured once, then read from its folder."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from colorflax import __version__, checkpoint, contest
from colorflax.contest import contenders, judge
from colorflax.contest.contenders import Model, Parts
from colorflax.data import library
from colorflax.data.library import Division
from colorflax.data.photographs import Photographs
from colorflax.data.pipeline import HostBatch, Vectors
from colorflax.disk import files
from colorflax.training import code
from launch.ablation.plan import Training

NUMBERS = (
    "mse", "psnr", "ssim", "auc", "auc_rebalanced", "within_10", "colourfulness",
    "true_colourfulness", "colourfulness_error", "chroma_ratio", "bits",
)  # fmt: skip
"""Those of `contest` that are means of values, so that seeds can be averaged."""

LIMIT, CELL = 110, 5  # ab units, of the plane in which colours are counted
FARTHEST = 150  # ab units, the last step of the errors that are counted

_BATCH = 16
_FORMAT = 2  # of the file; another one is measured anew

Pixels = dict[str, dict[str, np.ndarray]]
"""By version, and of `truth`: `ab`, how many pixels are in each cell of the plane, b in
rows and a in columns; `error`, how many are so many whole ab units from the truth."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """Of one run."""

    result: contest.Result
    pixels: Pixels
    sha256: str  # of the network's arrays
    code: list[str | None]  # that trained it; None where that was not yet noted


def network(training: Training, saved: checkpoint.Saved) -> contenders.Network:
    """A run with all its decodings."""
    decodings = [
        *({"temperature": x} for x in training.temperatures),
        *({"tau": x} for x in training.taus),
    ]
    if not training.temperatures:
        decodings = [{}, *decodings]
    return contenders.Network(saved, training.settings, decodings)


def measure(
    training: Training, saved: checkpoint.Saved, sides: Division, folder: Path
) -> Scores:
    """Judge a run on the validation photographs, or read what was found before.

    FOLDER/scores.json counts as long as network, photographs, settings, decodings,
    code, libraries and device are those that it was made with.
    """
    sha256 = checkpoint.digest(saved.variables)
    key = _key(training, sha256, sides)
    path = folder / "scores.json"
    known = _read(path, key)
    if known is None:
        model = _Counting(network(training, saved))
        found = contest.evaluate(
            model, sides, training.settings.data, "fixed", batch_size=_BATCH
        )
        files.write(path, _written(found, model.pixels, key))
        known = _read(path, key)
        assert known is not None
    return Scores(*known, sha256, saved.about.get("code", [None]))


class _Counting:
    """A model whose colours are counted as they go by."""

    def __init__(self, model: Model):
        self._model = model
        self.pixels: Pixels = {}

    @property
    def names(self) -> Sequence[str]:
        return self._model.names

    def embeddings(self, photos: Photographs) -> Vectors:
        return self._model.embeddings(photos)

    def photograph(self, image: Image.Image) -> tuple[dict[str, Any], Parts]:
        return self._model.photograph(image)

    def squares(self, batch: HostBatch) -> tuple[dict[str, Any], Parts]:
        painted, beside = self._model.squares(batch)
        there = batch["mask"]
        truth = np.asarray(judge.true_squares(batch["rgb"]))
        for name, ab in {"truth": truth, **painted}.items():
            ab = np.asarray(ab)[there]
            counts = {"ab": plane(ab), "error": errors(ab, truth[there])}
            before = self.pixels.get(name, dict.fromkeys(counts, 0))
            self.pixels[name] = {k: before[k] + x for k, x in counts.items()}
        return painted, beside


def plane(ab: np.ndarray) -> np.ndarray:
    """How many of (..., 2) ab are in each cell of the plane; edges take the rest."""
    cells = 2 * LIMIT // CELL
    a, b = np.clip((ab + LIMIT) // CELL, 0, cells - 1).astype(np.int64).reshape(-1, 2).T
    return np.bincount(b * cells + a, minlength=cells**2).reshape(cells, cells)


def errors(ab: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How many pixels are 0, 1, ... whole ab units off, the last with the rest."""
    distance = np.sqrt(np.square(ab - truth).sum(axis=-1))
    whole = np.minimum(distance, FARTHEST).astype(np.int64)
    return np.bincount(whole.ravel(), minlength=FARTHEST + 1)


def _key(training: Training, sha256: str, sides: Division) -> str:
    # Not the device: whoever judges multiplies in float32.
    c = training.settings.to_dict()
    of = {
        "format": _FORMAT,
        "network": sha256,
        "photographs": library.fingerprint(sides),
        "settings": {name: c[name] for name in ("model", "objective", "data")},
        "decodings": [training.temperatures, training.taus],
        "numbers": NUMBERS,
        "code": [code.sha256(), code.sha256(Path(__file__).parent)],
        "versions": [__version__, jax.__version__, np.__version__],
    }
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def _written(result: contest.Result, pixels: Pixels, key: str) -> bytes:
    content = {
        "key": key,
        "photographs": result.photographs,
        "names": [files.shown(name) for name in result.names],
        "protocol": result.protocol,
        "systems": {
            system: {n: parts[n].tolist() for n in NUMBERS if n in parts}
            for system, parts in result.systems.items()
        },
        "pixels": {
            name: {kind: x.tolist() for kind, x in counts.items()}
            for name, counts in pixels.items()
        },
    }
    return json.dumps(content, allow_nan=False).encode()


def _read(path: Path, key: str) -> tuple[contest.Result, Pixels] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("key") != key:
        return None
    result = contest.Result(
        photographs=tuple(content["photographs"]),
        names=tuple(content["names"]),
        systems={
            system: {n: np.array(rows, float) for n, rows in parts.items()}
            for system, parts in content["systems"].items()
        },
        protocol=content["protocol"],
    )
    pixels = {
        name: {kind: np.array(x) for kind, x in counts.items()}
        for name, counts in content["pixels"].items()
    }
    return result, pixels
