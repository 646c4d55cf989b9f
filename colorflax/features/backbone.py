"""Pictures to vectors: a frozen classifier, with what goes in and what comes out."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image, ImageOps

from colorflax import color
from colorflax.config.backbones import BACKBONES
from colorflax.errors import UserError
from colorflax.features import scaling
from colorflax.features.runtime import keras_on_jax
from colorflax.features.weights import Choice, pretrained, random_weights
from colorflax.machines import xla

WIDTH = 1001  # numbers in an embedding

Images = UInt8[Array, "b h w 3"] | UInt8[np.ndarray, "b h w 3"]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen network: uint8 photographs to float32 embeddings.

    `fingerprint` is the SHA-256 of all weights in the network's order, in hex.
    """

    name: str
    weights: str  # "imagenet" or "random:<seed>"
    fingerprint: str
    size: int  # side of the square input, in pixels
    variables: Any  # the weights, as a tree of arrays
    apply: Callable[[Any, Images], Float[Array, "b d"]]  # jitted

    def __call__(
        self, images: UInt8[np.ndarray, "n h w 3"], batch: int = 8
    ) -> Float[np.ndarray, "n d"]:
        """Embed any number of pictures that came out of `fit`.

        The last batch is filled up, so that one size compiles whatever n is. Colour
        is ignored: the network sees the neutral picture of the same L.
        """
        if images.shape[1:] != (self.size, self.size, 3):
            raise ValueError(
                f"{self.name} takes (n, {self.size}, {self.size}, 3), "
                f"not {images.shape}"
            )
        rows = [np.zeros((0, WIDTH), np.float32)]
        for start in range(0, len(images), batch):
            chunk = images[start : start + batch]
            filled = np.pad(chunk, [(0, batch - len(chunk)), (0, 0), (0, 0), (0, 0)])
            logits = self.apply(self.variables, jax.device_put(filled))
            rows.append(jax.device_get(logits)[: len(chunk)])
        return np.concatenate(rows)


def build(choice: Choice) -> Backbone:
    """Build the network that `settle` returned (about ten seconds on a CPU)."""
    architecture = BACKBONES[choice.name]
    with keras_on_jax() as keras:
        constructor = getattr(keras.applications, architecture.constructor)
        model = constructor(weights=None, classifier_activation=None)
        if choice.weights == "imagenet":
            _load(model, pretrained(choice.name))
            if architecture.scaling == "efficientnet":
                scaling.divide_by_variance(model)
        else:
            shapes = [(v.name, tuple(v.shape)) for v in model.weights]
            model.set_weights(
                random_weights(shapes, choice.seed, architecture.random_gain)
            )
        digest = hashlib.sha256()
        for v in model.weights:
            digest.update(np.asarray(v.value, "<f4").tobytes())
        variables = (
            [v.value for v in model.trainable_variables],
            [v.value for v in model.non_trainable_variables],
        )

    @functools.partial(jax.jit, compiler_options=xla.options())
    def apply(variables: Any, images: Images) -> Float[Array, "b d"]:
        # The traced Keras code broadcasts freely and leaves the precision open.
        with jax.numpy_rank_promotion("allow"), jax.default_matmul_precision("float32"):
            x = scaling.SCALINGS[architecture.scaling](255 * grey(images))
            logits, _ = model.stateless_call(*variables, x, training=False)
        return jnp.pad(logits, [(0, 0), (1, 0)])

    return Backbone(
        name=choice.name,
        weights=choice.description,
        fingerprint=digest.hexdigest(),
        size=architecture.size,
        variables=variables,
        apply=apply,
    )


def _load(model: Any, path: Path) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as e:
        why = f"{type(e).__name__}: {e}".replace("\n", " ")
        raise UserError(
            f"{path} is damaged or of another network ({why}); delete it, and it is "
            "downloaded again."
        ) from e


def fit(image: Image.Image, size: int = 299) -> UInt8[np.ndarray, "size size 3"]:
    """Shrink or grow a picture into a white square; its aspect ratio is kept.

    Args:
        image: RGB or L, of any size.
        size: px, the side of the square.
    """
    if image.mode not in ("RGB", "L"):
        raise ValueError(f"fit takes RGB or L pictures, not {image.mode}")
    scale = size / max(image.size)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    inside = image.convert("RGB").resize(inner, Image.Resampling.BICUBIC)
    return np.asarray(ImageOps.pad(inside, (size, size), color="white"))


def grey(images: Images) -> Float[Array, "b h w 3"]:
    """The neutral RGB in [0, 1] that has the L of each pixel."""
    lab = color.rgb_to_lab(jnp.asarray(images))
    return color.lab_to_rgb(lab * jnp.asarray([1.0, 0, 0]).reshape(1, 1, 1, 3))
