"""Frozen pretrained backbones: a grey photograph becomes an embedding vector.

The only room that knows Keras, which is imported when a network is built and not
before. The embedding is the logits of an ImageNet classifier with a zero in front,
the place of the background class in TF-slim, where the first such embeddings came
from: 1001 numbers (Deep Koalarization, arXiv 1712.03400, on Inception-ResNet-v2,
arXiv 1602.07261).
"""

import concurrent.futures
import contextlib
import hashlib
import os
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jaxtyping import Array, Float, UInt8
from PIL import Image, ImageOps

from colorflax import color
from colorflax.errors import UserError

WIDTH = 1001
_SCHEME = 1  # raise it when the same photograph would get another vector
_TIMEOUT = 20.0  # seconds without an answer from the server of the weights
_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"

Images = UInt8[Array, "b h w 3"] | UInt8[np.ndarray, "b h w 3"]


def _to_unit(x: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """RGB in [0, 255] to [-1, 1]: what the Inception networks were trained on."""
    return x / 127.5 - 1


def _to_centred_bgr(x: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """RGB in [0, 255] to BGR minus the ImageNet mean: what VGG was trained on."""
    mean = jnp.asarray([103.939, 116.779, 123.68], x.dtype)
    return x[..., ::-1] - mean.reshape(1, 1, 1, 3)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What has to be known about one of the classifiers in keras.applications."""

    constructor: str
    size: int  # side of the square input, in pixels
    scale: Callable[[Float[Array, "b h w 3"]], Float[Array, "b h w 3"]]
    file: str  # pretrained weights, below _URL
    md5: str
    random_gain: float  # on the last kernel; measured: random logits have std near 1


BACKBONES = {
    "inception_resnet_v2": Architecture(
        constructor="InceptionResNetV2",
        size=299,
        scale=_to_unit,
        file="inception_resnet_v2/"
        "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels.h5",
        md5="e693bd0210a403b3192acc6073ad2e96",
        random_gain=1 / 4,
    ),
    "inception_v3": Architecture(
        constructor="InceptionV3",
        size=299,
        scale=_to_unit,
        file="inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        md5="9a0d58056eeedaa3f26cb7ebd46da564",
        random_gain=1.0,
    ),
    "vgg16": Architecture(
        constructor="VGG16",
        size=224,
        scale=_to_centred_bgr,
        file="vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        md5="64373286793e3c8b2b4e3219cbf3544b",
        random_gain=1 / 128,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A network and the weights it gets, known before anything slow is built."""

    name: str
    weights: str = "imagenet"  # or "random"
    seed: int = 0  # of random weights; pretrained ones have none

    def __post_init__(self) -> None:
        if self.name not in BACKBONES:
            raise UserError(
                f"No backbone is called {self.name!r}; "
                f"choose one of {', '.join(sorted(BACKBONES))}."
            )
        if self.weights not in ("imagenet", "random"):
            raise UserError(
                f"Backbone weights cannot be {self.weights!r}; "
                "choose imagenet or random."
            )
        if self.seed < 0:
            raise UserError(f"The backbone seed is {self.seed}; it must be 0 or more.")

    @property
    def description(self) -> str:
        """The weights in one word: `imagenet` or `random:<seed>`."""
        return self.weights if self.weights == "imagenet" else f"random:{self.seed}"

    @property
    def key(self) -> str:
        """A file name: choices with equal keys give a photograph equal vectors."""
        pretrained = self.weights == "imagenet"
        source = BACKBONES[self.name].md5[:12] if pretrained else str(self.seed)
        return f"{self.name}-{self.weights}-{source}-v{_SCHEME}"


def recorded(name: str, description: str) -> Choice:
    """The choice with this `description`, as a checkpoint remembers it."""
    weights, _, seed = description.partition(":")
    return Choice(name=name, weights=weights, seed=int(seed or 0))


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen network: uint8 photographs to float32 embeddings.

    `fingerprint` is the SHA-256 of all weights in the network's order, in hex.
    """

    name: str
    weights: str  # "imagenet" or "random:<seed>"
    fingerprint: str
    size: int
    variables: Any  # the weights, as a tree of arrays
    apply: Callable[[Any, Images], Float[Array, "b d"]]  # jitted
    width: int = WIDTH

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
        rows = [np.zeros((0, self.width), np.float32)]
        for start in range(0, len(images), batch):
            chunk = images[start : start + batch]
            filled = np.pad(chunk, [(0, batch - len(chunk)), (0, 0), (0, 0), (0, 0)])
            logits = self.apply(self.variables, jax.device_put(filled))
            rows.append(jax.device_get(logits)[: len(chunk)])
        return np.concatenate(rows)


def fit(image: Image.Image, size: int = 299) -> UInt8[np.ndarray, "size size 3"]:
    """Shrink or grow a picture into a white square; its aspect ratio is kept."""
    if image.mode not in ("RGB", "L"):
        raise ValueError(f"fit takes RGB or L pictures, not {image.mode}")
    scale = size / max(image.size)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    inside = image.convert("RGB").resize(inner, Image.Resampling.BICUBIC)
    return np.asarray(ImageOps.pad(inside, (size, size), color="white"))


def load(
    name: str = "inception_resnet_v2",
    *,
    weights: str = "imagenet",
    seed: int = 0,
    on_missing: str = "random",
) -> Backbone:
    """Build a backbone; `settle` says what happens when weights cannot be had."""
    return build(settle(Choice(name=name, weights=weights, seed=seed), on_missing))


def settle(choice: Choice, on_missing: str) -> Choice:
    """Make sure of the pretrained weights, or fall back to random ones, loudly.

    Errors: `UserError` with on_missing "error" and weights that cannot be had.
    """
    if on_missing not in ("random", "error"):
        raise UserError(f"on_missing cannot be {on_missing!r}; choose random or error.")
    if choice.weights == "random":
        return choice
    try:
        _weights_file(choice.name)
    except UserError:
        raise
    except Exception as e:  # Keras raises bare exceptions for a failed download
        url = _URL + BACKBONES[choice.name].file
        remedy = f"connect to the network or save {url} in {_cache()}"
        why = f"{type(e).__name__}: {e}".replace("\n", " ")
        problem = f"The pretrained weights of {choice.name} cannot be had ({why})"
        if on_missing == "error":
            raise UserError(f"{problem}; {remedy}.") from e
        fallback = Choice(name=choice.name, weights="random", seed=choice.seed)
        logging.warning(
            "%s. GOING ON WITH RANDOM WEIGHTS (seed %d): the image embedding now "
            "carries almost no meaning, and a model trained with it must be used "
            "with the same random weights. To get the pretrained ones, %s; to stop "
            "here instead, ask for on_missing=error.",
            problem,
            choice.seed,
            remedy,
        )
        return fallback
    return choice


def build(choice: Choice) -> Backbone:
    """Build the network that `settle` returned (about ten seconds on a CPU)."""
    architecture = BACKBONES[choice.name]
    with _keras() as keras:
        constructor = getattr(keras.applications, architecture.constructor)
        model = constructor(weights=None, classifier_activation=None)
        if choice.weights == "imagenet":
            model.load_weights(_weights_file(choice.name))
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

    @jax.jit
    def apply(variables: Any, images: Images) -> Float[Array, "b d"]:
        # The traced Keras code broadcasts freely and leaves the precision open.
        with jax.numpy_rank_promotion("allow"), jax.default_matmul_precision("float32"):
            x = architecture.scale(255 * grey(images))
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


def grey(images: Images) -> Float[Array, "b h w 3"]:
    """The neutral RGB in [0, 1] that has the L of each pixel."""
    lab = color.rgb_to_lab(jnp.asarray(images))
    return color.lab_to_rgb(lab * jnp.asarray([1.0, 0, 0]).reshape(1, 1, 1, 3))


def random_weights(
    shapes: list[tuple[str, tuple[int, ...]]], seed: int, gain: float = 1.0
) -> list[Float[np.ndarray, "..."]]:
    """He weights (arXiv 1502.01852): variance 2 / fan-in, uniform, bit for bit fixed.

    They come from the raw integers of PCG64 through exact arithmetic, because the
    initialisers of Keras and the distributions of numpy may change with a release.
    Biases are zero and normalisation is the identity; `gain` scales the last kernel.
    """
    bits = np.random.PCG64(seed)
    last = max(i for i, (name, _) in enumerate(shapes) if name == "kernel")
    out = []
    for i, (name, shape) in enumerate(shapes):
        if name == "kernel":
            n = int(np.prod(shape))
            draws = bits.random_raw(-(-n // 4)).astype("<u8").view("<u2")[:n]
            spread = np.sqrt(24 / (n // shape[-1])) / 65536
            spread *= gain if i == last else 1.0
            out.append(((draws - 32767.5) * spread).astype(np.float32).reshape(shape))
        elif name in ("gamma", "moving_variance"):
            out.append(np.ones(shape, np.float32))
        elif name in ("bias", "beta", "moving_mean"):
            out.append(np.zeros(shape, np.float32))
        else:
            raise ValueError(f"no rule for random weights called {name!r}")
    return out


@contextlib.contextmanager
def _keras() -> Iterator[Any]:
    """Keras on JAX, in float32 and channels last whatever the user's settings are."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "jax"
    import keras

    if keras.config.backend() != "jax":
        raise UserError(
            f"Keras already runs on {keras.config.backend()} in this process; set "
            "KERAS_BACKEND=jax in the environment before anything imports keras."
        )
    layout, policy = keras.config.image_data_format(), keras.config.dtype_policy()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    try:
        with jax.numpy_rank_promotion("allow"), jax.transfer_guard("allow"):
            yield keras
    finally:
        keras.config.set_image_data_format(layout)
        keras.config.set_dtype_policy(policy)


def _cache() -> Path:
    """Where Keras keeps pretrained weights."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"


def _weights_file(name: str) -> Path:
    """The pretrained weights on disk, downloaded once and checked every time."""
    architecture = BACKBONES[name]
    path = _cache() / Path(architecture.file).name
    if path.is_file():
        with path.open("rb") as f:
            if hashlib.file_digest(f, "md5").hexdigest() == architecture.md5:
                return path
    url = _URL + architecture.file
    _reach(url)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _keras() as keras:
            # An absolute folder keeps Keras from moving to /tmp if it may not write.
            return Path(
                keras.utils.get_file(
                    path.name,
                    url,
                    cache_dir=str(path.parent.parent),
                    cache_subdir=str(path.parent),
                    file_hash=architecture.md5,
                )
            )
    finally:
        socket.setdefaulttimeout(before)


def _reach(url: str) -> None:
    """Raise unless the server answers in time.

    A socket's own time limit holds for each of a server's many addresses and not at
    all for looking up its name, so the question is asked from a thread.
    """
    answer: concurrent.futures.Future[int] = concurrent.futures.Future()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
                answer.set_result(response.status)
        except Exception as e:
            answer.set_exception(e)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer.result(_TIMEOUT)
    except TimeoutError as e:
        raise TimeoutError(f"no answer within {_TIMEOUT:.0f} seconds") from e
