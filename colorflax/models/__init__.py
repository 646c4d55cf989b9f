"""Networks: (L, embedding) -> head channels. They do not know losses.

Every network is called as `network(L, embedding, train=..., axis=...)`. Those with
batch normalisation use the statistics of the batch where `train` is set, over all
devices of `axis` where that is not None, and their running averages otherwise. Those
with dropout also take `keys=`, one for each photograph.

Downwards: fusion, simple, block, iizuka, lite, unet, zhang, residual, conv, winograd,
depthwise, double, dropout, fuse.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from colorflax import config
from colorflax.models.fusion import Fusion
from colorflax.models.iizuka import Iizuka
from colorflax.models.lite import Lite
from colorflax.models.simple import Simple
from colorflax.models.unet import UNet
from colorflax.models.zhang import Zhang


def build(settings: config.Model, channels: int) -> nn.Module:
    """The network that `settings` names, with `channels` channels in its head.

    Raises:
        NotImplementedError: a name that is not built here.
    """
    stride = settings.stride
    how: Any = {"dtype": jnp.dtype(settings.dtype), "remat": settings.remat}
    drops = how | {"dropout": settings.dropout}
    frozen = settings.encoder == "imagenet"
    networks: dict[str, Callable[[], nn.Module]] = {
        "fusion": lambda: Fusion(channels, stride, **how),
        "iizuka": lambda: Iizuka(channels, stride, settings.global_size, **how),
        "lite": lambda: Lite(channels, settings.encoder_size, frozen, **drops),
        "simple": lambda: Simple(channels, stride, **how),
        "unet": lambda: UNet(channels, **drops),
        "zhang": lambda: Zhang(channels, **how),
    }
    if settings.name not in networks:
        raise NotImplementedError(f"models.build: no {settings.name}")
    return networks[settings.name]()
