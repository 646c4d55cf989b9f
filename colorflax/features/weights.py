"""Which classifiers there are, and where their weights come from."""

import logging
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from colorflax.errors import UserError
from colorflax.features import download

_SCHEME = 1  # raise it when the same photograph would get another vector
_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
_log = logging.getLogger(__name__)


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
    md5: str  # of that file, in hex
    random_gain: float  # on the last kernel; measured: random logits have std near 1

    @property
    def path(self) -> Path:
        """Where Keras keeps the pretrained weights."""
        home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
        return home / "models" / Path(self.file).name


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
    seed: int = 0  # of random weights, 0 or more; pretrained ones have none

    def __post_init__(self) -> None:
        _one_of(BACKBONES, self.name, "The backbone")
        _one_of(("imagenet", "random"), self.weights, "Backbone weights")

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


def _one_of(known: Collection[str], value: str, what: str) -> None:
    if value not in known:
        raise UserError(f"{what} cannot be {value!r}; choose {' or '.join(known)}.")


def recorded(name: str, description: str) -> Choice:
    """The choice with this `description`, as a checkpoint remembers it."""
    weights, _, seed = description.partition(":")
    return Choice(name=name, weights=weights, seed=int(seed or 0))


def settle(choice: Choice, on_missing: str) -> Choice:
    """Make sure of the pretrained weights, or fall back to random ones, loudly.

    Args:
        choice: what is wanted.
        on_missing: "random" falls back where the weights cannot be had, "error" stops.

    Returns:
        What can be had: `choice`, or random weights of the same network and seed.

    Raises:
        UserError: on_missing is "error" and the weights cannot be had.
    """
    _one_of(("random", "error"), on_missing, "on_missing")
    if choice.weights == "random":
        return choice
    try:
        pretrained(choice.name)
    except UserError:
        raise
    except Exception as e:  # Keras raises bare exceptions for a failed download
        architecture = BACKBONES[choice.name]
        url, folder = _URL + architecture.file, architecture.path.parent
        remedy = f"connect to the network or save {url} in {folder}"
        why = f"{type(e).__name__}: {e}".replace("\n", " ")
        problem = f"The pretrained weights of {choice.name} cannot be had ({why})"
        if on_missing == "error":
            raise UserError(f"{problem}; {remedy}.") from e
        _log.warning(
            "%s. GOING ON WITH RANDOM WEIGHTS (seed %d): the image embedding now "
            "carries almost no meaning, and a model trained with it must be used "
            "with the same random weights. To get the pretrained ones, %s; to stop "
            "here instead, ask for on_missing=error.",
            problem,
            choice.seed,
            remedy,
        )
        return Choice(name=choice.name, weights="random", seed=choice.seed)
    return choice


def pretrained(name: str) -> Path:
    """The file of pretrained weights, downloaded once and checked every time."""
    architecture = BACKBONES[name]
    return download.fetch(_URL + architecture.file, architecture.path, architecture.md5)


def random_weights(
    shapes: list[tuple[str, tuple[int, ...]]], seed: int, gain: float = 1.0
) -> list[Float[np.ndarray, "..."]]:
    """He weights (arXiv 1502.01852): variance 2 / fan-in, uniform, bit for bit fixed.

    They come from the raw integers of PCG64 through exact arithmetic, because the
    initialisers of Keras and the distributions of numpy may change with a release.
    Biases are zero and normalisation is the identity; `gain` scales the last kernel.

    Args:
        shapes: (name, shape) of each array; the name is that of its role in Keras.
        seed: 0 or more.
        gain: factor on the last kernel.

    Returns:
        float32 arrays of these shapes, in this order.
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
