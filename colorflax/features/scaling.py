"""What becomes of RGB in [0, 255] before a network sees it, as in its training."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from colorflax.config.backbones import Scaling

Pixels = Float[Array, "b h w 3"]

_STD = np.asarray([0.229, 0.224, 0.225], np.float32)  # of ImageNet, RGB in [0, 1]


def _tf(x: Pixels) -> Pixels:
    """To [-1, 1]."""
    return x / 127.5 - 1


def _torch(x: Pixels) -> Pixels:
    """To mean 0 and deviation 1 over ImageNet."""
    mean = jnp.asarray([0.485, 0.456, 0.406], x.dtype).reshape(1, 1, 1, 3)
    return (x / 255 - mean) / jnp.asarray(_STD, x.dtype).reshape(1, 1, 1, 3)


def _caffe(x: Pixels) -> Pixels:
    """To BGR minus the mean of ImageNet."""
    mean = jnp.asarray([103.939, 116.779, 123.68], x.dtype).reshape(1, 1, 1, 3)
    return x[..., ::-1] - mean


def _inside(x: Pixels) -> Pixels:
    """As it is: layers of the network scale it."""
    return x


SCALINGS: dict[Scaling, Callable[[Pixels], Pixels]] = {
    "tf": _tf,
    "torch": _torch,
    "caffe": _caffe,
    "inside": _inside,
    "efficientnet": _inside,  # and `divide_by_variance`
}


def divide_by_variance(model: Any) -> None:
    """Let an EfficientNet with pretrained weights see what it was trained on.

    It was trained on pixels divided by the variance, and its Normalization divides by
    the root of that. Keras has a layer for the other root, but only in networks whose
    weights it loads itself.
    """
    (layer,) = (x for x in model.layers if type(x).__name__ == "Normalization")
    (variance,) = (v for v in layer.weights if v.name == "variance")
    variance.assign(variance.value * _STD)
    layer.finalize_state()
