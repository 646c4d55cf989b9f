"""The networks of the benchmarks as PyTorch users write them."""

from typing import Any

_ZHANG = (  # widths, stride of the last, dilation
    ((64, 64), 2, 1), ((128, 128), 2, 1), ((256, 256, 256), 2, 1), ((512,) * 3, 1, 1),
    ((512,) * 3, 1, 2), ((512,) * 3, 1, 2), ((512,) * 3, 1, 1),
)  # fmt: skip
_FUSION = (  # features, stride
    (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1),
)  # fmt: skip


def zhang(channels: int = 313) -> Any:
    """As `models.Zhang`."""
    from torch import nn

    layers: list[Any] = []
    before = 1
    for widths, stride, dilation in _ZHANG:
        for i, width in enumerate(widths, 1):
            step = stride if i == len(widths) else 1
            layers += [
                nn.Conv2d(before, width, 3, step, dilation, dilation),
                nn.ReLU(inplace=True),
            ]
            before = width
        layers.append(nn.BatchNorm2d(width))
    layers += [nn.ConvTranspose2d(512, 256, 4, 2, 1), nn.ReLU(inplace=True)]
    for _ in range(2):
        layers += [nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(256, channels, 1))


def fusion(channels: int = 2, embedding: int = 0) -> Any:
    """As `models.Fusion` at stride 2 with two channels, else at stride 4."""
    import torch
    from torch import nn

    class Network(nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            layers, before = [], 1
            for width, stride in _FUSION:
                layers += [nn.Conv2d(before, width, 3, stride, 1), nn.ReLU()]
                before = width
            self.encode = nn.Sequential(*layers)
            self.fuse = nn.Conv2d(256 + embedding, 256, 1)
            layers, before = [nn.ReLU()], 256
            for width, scale in ((128, 2), (64, 1), (64, 2), (32, 1)):
                if (width, channels) == (32, 313):
                    layers.pop()
                    break
                layers += [nn.Conv2d(before, width, 3, 1, 1), nn.ReLU()]
                if scale > 1:
                    layers.append(nn.Upsample(scale_factor=scale))
                before = width
            self.decode = nn.Sequential(*layers, nn.Conv2d(before, channels, 3, 1, 1))

        def forward(self, x: Any, vector: Any = None) -> Any:
            x = self.encode(x)
            if vector is not None:
                tiled = vector[:, :, None, None].expand(-1, -1, *x.shape[2:])
                x = torch.cat([x, tiled], 1)
            return self.decode(self.fuse(x))

    return Network()
