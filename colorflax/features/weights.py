"""Where the weights of a backbone come from: a file that is checked, or a seed."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from colorflax.config import backbones
from colorflax.config.backbones import BACKBONES
from colorflax.errors import UserError
from colorflax.features import download

_SCHEME = 2  # raise it when the same photograph would get another vector
_ONES = ("gamma", "moving_variance", "variance", "variable")  # the last: LayerScale's
_ZEROS = ("bias", "beta", "moving_mean", "mean", "count")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A network and the weights it gets, known before anything slow is built."""

    name: str
    weights: str = "imagenet"  # or "random"
    seed: int = 0  # of random weights, 0 or more; pretrained ones have none

    def __post_init__(self) -> None:
        backbones.check(self.name, "the name of a backbone")
        _one_of(("imagenet", "random"), self.weights, "Backbone weights")

    @property
    def description(self) -> str:
        """The weights in one word: `imagenet` or `random:<seed>`."""
        return self.weights if self.weights == "imagenet" else f"random:{self.seed}"

    @property
    def key(self) -> str:
        """A file name: choices with equal keys give a photograph equal vectors."""
        pretrained = self.weights == "imagenet"
        source = BACKBONES[self.name].digest[:12] if pretrained else str(self.seed)
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
        url, folder = architecture.url, architecture.path.parent
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
    return download.fetch(architecture.url, architecture.path, architecture.digest)


def random_weights(
    shapes: list[tuple[str, tuple[int, ...]]], seed: int, gain: float = 1.0
) -> list[Float[np.ndarray, "..."]]:
    """He weights (arXiv 1502.01852): variance 2 / fan-in, uniform, bit for bit fixed.

    They come from the raw integers of PCG64 through exact arithmetic, because the
    initialisers of Keras and the distributions of numpy may change with a release.
    Biases are zero, normalisation is the identity, layers are not scaled; `gain` scales
    the last kernel.

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
        role = re.sub(r"_\d+$", "", name)  # Keras counts what it was given no name for
        if role.endswith("kernel"):
            n = int(np.prod(shape))
            # Depthwise kernels, (h, w, channels, 1), see one channel each.
            depthwise = len(shape) == 4 and shape[-1] == 1
            fan_in = shape[0] * shape[1] if depthwise else n // shape[-1]
            draws = bits.random_raw(-(-n // 4)).astype("<u8").view("<u2")[:n]
            spread = np.sqrt(24 / fan_in) / 65536
            spread *= gain if i == last else 1.0
            out.append(((draws - 32767.5) * spread).astype(np.float32).reshape(shape))
        elif role in _ONES:
            out.append(np.ones(shape, np.float32))
        elif role in _ZEROS:
            out.append(np.zeros(shape, np.float32))
        else:
            raise ValueError(f"no rule for random weights called {name!r}")
    return out
