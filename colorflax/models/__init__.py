"""Networks: (L, embedding) -> head channels. They do not know losses."""

from flax import linen as nn

from colorflax import config
from colorflax.models.fusion import Fusion


def build(settings: config.Model, channels: int) -> nn.Module:
    """The network that `settings` names, with `channels` channels in its head."""
    networks = {"fusion": Fusion}
    return networks[settings.name](channels=channels, stride=settings.stride)
