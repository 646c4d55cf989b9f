"""What is judged beside the baselines: a checkpoint, or what needs none."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from colorflax import checkpoint, config, features, predict
from colorflax.coloring import split
from colorflax.data import packed
from colorflax.data.photographs import Photographs
from colorflax.data.pipeline import HostBatch, Vectors
from colorflax.errors import UserError
from colorflax.machines import xla
from colorflax.metrics import calibration
from colorflax.objectives import Classification, Objective
from colorflax.resample import bilinear

Parts = dict[str, np.ndarray]
"""By number: what each photograph adds to it, (n, k); see `contest.FINISH`."""


@runtime_checkable
class Model(Protocol):
    """What is judged, beside the baselines."""

    @property
    def names(self) -> Sequence[str]:
        """Of its versions, such as temperatures."""

    def embeddings(self, photos: Photographs) -> Vectors:
        """What its network wants to know of square views."""

    def squares(self, batch: HostBatch) -> tuple[dict[str, Any], Parts]:
        """The ab of each version, None for the true one; numbers beside colours."""

    def photograph(self, image: Image.Image) -> tuple[dict[str, Any], Parts]:
        """Likewise of one photograph at its own size."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """What needs no network: grey, or the truth."""

    kind: str  # grey or truth

    @property
    def names(self) -> Sequence[str]:
        """One."""
        return ("model",)

    def embeddings(self, photos: Photographs) -> Vectors:
        """None."""
        del photos
        return None

    def squares(self, batch: HostBatch) -> tuple[dict[str, Any], Parts]:
        """Zeros, or None."""
        return {"model": self._ab(batch["rgb"].shape[:3])}, {}

    def photograph(self, image: Image.Image) -> tuple[dict[str, Any], Parts]:
        """Likewise."""
        return {"model": self._ab(image.size[::-1])}, {}

    def _ab(self, shape: tuple[int, ...]) -> np.ndarray | None:
        return None if self.kind == "truth" else np.zeros((*shape, 2), np.float32)


class Network:
    """A checkpoint, as its config decodes it or in several other ways.

    Args:
        saved: the checkpoint.
        settings: its config, as far as wanted with other data or another decoding.
        decodings: of each version what differs: temperature, tau, gain.

    Raises:
        UserError: a temperature or tau of a regression; one that cannot be, or a tau
            without a prior.
    """

    def __init__(
        self,
        saved: checkpoint.Saved,
        settings: config.Config,
        decodings: Sequence[Mapping[str, float]] = ({},),
    ):
        self._saved = dataclasses.replace(
            saved, about=saved.about | {"config": settings.to_dict()}
        )
        task = predict.built(saved, settings)
        self._objective = task.objective
        versions = {_name(x): _decoded(saved, settings, x) for x in decodings}
        self._decode = {n: jax.jit(x.decode) for n, x in versions.items()}
        self._run = jax.jit(task.head, compiler_options=xla.options())

    @property
    def names(self) -> Sequence[str]:
        """`model`, T=0.38, tau=1, gain=1.5, or several of these."""
        return tuple(self._decode)

    def embeddings(self, photos: Photographs) -> Vectors:
        """By the backbone that the network was trained with.

        Raises:
            UserError: its weights cannot be had, or are others.
        """
        record = self._saved.about["features"]
        if record is None:
            return None
        if packed.backbone(photos) == record:
            return "stored"
        choice = features.recorded(record["name"], record["weights"])
        pictures = [(packed.identity(photo), photo.open) for photo in photos]
        made = features.embed_photographs(pictures, choice, on_missing="error")
        predict.need_same_backbone(made.fingerprint, record)
        return made.vectors

    def squares(self, batch: HostBatch) -> tuple[dict[str, Any], Parts]:
        """The ab of each version; bits and calibration of a classification."""
        rgb = batch["rgb"]
        head = self._run(self._saved.variables, rgb, batch.get("embedding"))
        size, stride = rgb.shape[1:3], self._objective.stride
        ab = {
            name: _bilinear(decode(head), stride, size)
            for name, decode in self._decode.items()
        }
        return ab, self._beside(head, rgb, head.shape[1:3])

    def photograph(self, image: Image.Image) -> tuple[dict[str, Any], Parts]:
        """Likewise; bits and calibration are of what the network saw of it."""
        seen = self._colorizer.look(image)
        ab = {name: seen.ab(decode) for name, decode in self._decode.items()}
        there = seen.rows_columns
        return ab, self._beside(seen.head, seen.rgb, there)

    @functools.cached_property
    def _colorizer(self) -> predict.Colorizer:
        return predict.Colorizer(self._saved)

    def _beside(
        self, head: jax.Array, rgb: np.ndarray, there: tuple[int, ...]
    ) -> Parts:
        if not isinstance(self._objective, Classification):
            return {}
        mask = np.zeros(head.shape[:3], bool)
        mask[:, : there[0], : there[1]] = True
        return _beliefs(head, rgb, self._objective.stride, mask)


def constant(
    counts: Int[np.ndarray, "313"], rgb: UInt8[np.ndarray, "b h w 3"]
) -> Parts:
    """Bits and calibration of who says of every pixel how often each bin occurs.

    Args:
        counts: of each bin, somewhere else; one is added to each.
        rgb: photographs, judged at the stride of a classification.
    """
    stride = Classification().stride
    grid = [-(-side // stride) for side in rgb.shape[1:3]]
    head = np.log((counts + 1).astype(np.float32))[None, None, None]
    return _beliefs(head, rgb, stride, np.ones((len(rgb), *grid), bool))


def _beliefs(
    head: jax.Array | np.ndarray, rgb: np.ndarray, stride: int, mask: np.ndarray
) -> Parts:
    found = jax.device_get(_sums(head, rgb, stride, mask))
    steps = [found[name] for name in ("stated", "right", "pixels_at")]
    return {
        "bits": mean_of(found["bits"] / found["pixels"]),
        # Each photograph has the same weight, however large it is.
        "calibration_error": np.concatenate(steps, 1) / found["pixels"][:, None],
    }


def mean_of(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
    """The parts of a mean over those values that are not NaN."""
    there = ~np.isnan(values)
    return np.stack([np.where(there, values, 0), there], axis=1)


def _name(decoding: Mapping[str, float]) -> str:
    shown = {"T" if k == "temperature" else k: x for k, x in decoding.items()}
    return " ".join(f"{k}={x:g}" for k, x in shown.items()) or "model"


def _decoded(
    saved: checkpoint.Saved, settings: config.Config, decoding: Mapping[str, float]
) -> Objective:
    if "temperature" in decoding and settings.objective.name != "classification":
        raise UserError(
            "a temperature is that of a classification; this checkpoint was trained "
            "with regression"
        )
    values = settings.to_dict()
    values["objective"] |= decoding
    return predict.built(saved, config.parse(values)).objective


@functools.partial(jax.jit, static_argnums=(1, 2))
def _bilinear(ab: jax.Array, stride: int, size: tuple[int, ...]) -> jax.Array:
    return bilinear(ab, stride, size)


@functools.partial(jax.jit, static_argnums=2)
def _sums(
    head: Any, rgb: jax.Array, stride: int, mask: jax.Array
) -> dict[str, jax.Array]:
    return calibration.sums(head, split(rgb)[1], stride, mask)
