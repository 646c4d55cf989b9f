"""The pixels of a picture at their own depth, and small copies of them."""

import dataclasses

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image

from colorflax.data.levels import to_8_bit
from colorflax.picture import tint
from colorflax.picture.metadata import Metadata

_STRIP = 1 << 20  # pixels looked at together, whatever the size of the whole

Pixels = UInt8[np.ndarray, "..."] | UInt16[np.ndarray, "..."] | Float[np.ndarray, "..."]


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in sRGB.

    Attributes:
        pixels: (h, w) of grey or (h, w, 3); uint8, uint16, or float in [0, 1].
        alpha: (h, w) of the same dtype; None where nothing is transparent.
        metadata: what came with it.
        pages: how many the file has, of which this is the first; or frames.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    metadata: Metadata = dataclasses.field(default_factory=Metadata)
    pages: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def small(self, factor: int) -> Image.Image:
        """8-bit RGB, `factor` times as small; white shines through."""
        w, h = self.size
        rows = max(1, _STRIP // w // factor) * factor
        strips = []
        for top in range(0, h, rows):
            strip = eight_bit(self.pixels[top : top + rows])
            image = Image.fromarray(np.ascontiguousarray(strip)).convert("RGB")
            if self.alpha is not None:
                alpha = eight_bit(self.alpha[top : top + rows])
                white = Image.new("RGB", image.size, "white")
                white.paste(image, mask=Image.fromarray(np.ascontiguousarray(alpha)))
                image = white
            strips.append(np.asarray(image.reduce(factor)))
        return Image.fromarray(np.concatenate(strips))

    def kind(self) -> str:
        """As `tint.kind` sees it: grey, toned or coloured."""
        if self.pixels.ndim == 2:
            return "grey"
        longest = max(self.size)
        image = self.small(max(1, longest // (2 * tint.SIDE)))
        scale = tint.SIDE / max(image.size)
        w, h = (max(1, round(side * scale)) for side in image.size)
        return tint.kind(np.asarray(image.resize((w, h), Image.Resampling.BOX)))


def eight_bit(pixels: Pixels) -> UInt8[np.ndarray, "..."]:
    """Pixels of any depth, rounded to 8 bits."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return to_8_bit(pixels)
    return np.round(255 * pixels).astype(np.uint8)


def narrow(pixels: Pixels, most: int) -> Pixels:
    """The same, or if it is wider than that, 8-bit and `most` wide."""
    h, w = pixels.shape[:2]
    if w <= most:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(eight_bit(pixels)))
    return np.asarray(image.resize((most, max(1, round(h * most / w)))))
