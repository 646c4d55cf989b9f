"""The Frechet Inception Distance of coloured pictures from the photographs themselves.

The photographs are those that the pictures were made of, which is one of two customs.
Distances from other photographs, the second, are larger and cannot be compared.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8

from colorflax.contest.match import TRUTH
from colorflax.metrics import frechet
from colorflax.pretrained import inception

PROTOCOL = {
    "network": inception.FILE.name,
    "sha256": inception.FILE.sha256,
    "from": "the same photographs",
    "resized": "bilinearly to 299 x 299 px, as by pytorch-fid",
}


class Eye:
    """Sees all pictures of a contest, and says then how far they are from the truth."""

    def __init__(self, weights: inception.Weights):
        self._weights = weights
        self._seen: dict[str, list[np.ndarray]] = {}

    def __call__(self, pictures: Mapping[str, UInt8[np.ndarray, "b h w 3"]]) -> None:
        """Look at a batch, as each system has coloured it and as it was."""
        for system, batch in pictures.items():
            shown = np.stack([inception.seen(picture) for picture in batch])
            features = np.asarray(inception.features(self._weights, shown))
            self._seen.setdefault(system, []).append(features)

    def distances(self) -> dict[str, float]:
        """The FID of each system; NaN of a single photograph."""
        features = {name: np.concatenate(seen) for name, seen in self._seen.items()}
        truth = features.pop(TRUTH)
        return {name: frechet.distance(x, truth) for name, x in features.items()}
