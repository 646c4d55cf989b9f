"""A checkpoint becomes a function from picture to coloured picture."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from colorflax import checkpoint, config, features
from colorflax.coloring import Coloring
from colorflax.control import reference
from colorflax.control.order import LIKENESS, point
from colorflax.control.reference import palette as lent_by
from colorflax.data.views import GRAIN, whole_size, whole_view
from colorflax.disk.files import shown
from colorflax.errors import UserError
from colorflax.machines import xla
from colorflax.painting import prediction
from colorflax.painting.prediction import Prediction
from colorflax.picture import Like, Picture, back, take
from colorflax.pretrained import shipped

SMALLEST = 16  # px, of a size that is asked for


class Colorizer:
    """Colours pictures of any size; luminance stays that of the input.

    Args:
        saved: a checkpoint.
        size: px, as for `colorflax.load`.
        edges: as for `colorflax.load`.
        coloring: the network and the objective; those of the checkpoint's config if
            None. For what was trained with others, given to `assemble.Run` as its task.

    Attributes:
        saved: the checkpoint it came from.
        objective: what the network's head means.
        edges: whether colours follow the edges of the picture.

    Raises:
        UserError: `size` is less than `SMALLEST`, or `edges` neither true nor false.
    """

    def __init__(
        self,
        saved: checkpoint.Saved,
        size: int | None = None,
        edges: bool = True,
        coloring: Coloring | None = None,
    ):
        if size is not None and size < SMALLEST:
            raise UserError(f"size={size} is too small; take at least {SMALLEST}")
        if edges not in (True, False):  # such as "off", which is the command's and true
            raise UserError(f"edges={edges!r}; take True or False")
        settings = config.parse(saved.about["config"])
        task = coloring or built(saved, settings)
        self.saved = saved
        self.objective = task.objective
        self.edges = edges
        self._view = (settings.data, size)
        self._embed = embedder(saved.about["features"])
        self._run = jax.jit(task.head, compiler_options=xla.options())
        self._decode = prediction.decoder(task.objective)

    def __repr__(self) -> str:
        return f"Colorizer({str(self.saved.path)!r})"

    def __call__(
        self,
        image: Like | list[Like] | tuple[Like, ...],
        temperature: float | None = None,
        saturation: float = 1.0,
        tau: float | None = None,
        hints: Sequence[tuple[int | float, int | float, str]] = (),
        reference: Like | None = None,
        likeness: float = LIKENESS,
        palette: Sequence[str] = (),
    ) -> Any:
        """The same picture in predicted colours; a list of them for a list or tuple.

        Args:
            image: a path, an image of Pillow, or an array, (h, w), (h, w, 1) or
                (h, w, 3), of uint8, uint16, or float in [0, 1].
            temperature: as for `Prediction.picture`.
            saturation: as for `Prediction.picture`.
            tau: as for `Prediction.picture`.
            hints: of one picture, (x, y, colour) each; as for `Prediction.picture`.
            reference: a picture whose colours these get, as far as they suit them.
            likeness: how far, as for `Prediction.like`.
            palette: colours that these get likewise, as in CSS.

        Returns:
            An array (h, w, 3) of the same dtype for an array, else an image of Pillow,
            RGB or RGBA, upright, in sRGB and 8-bit, for it has no deeper colour.

        Raises:
            UserError: one cannot be read, or `temperature`, `tau`, `reference` or
                `palette` has no meaning here, or there are both of the last two.
        """
        if isinstance(image, list | tuple) and hints:
            raise UserError("hints are about one picture; give one")
        by_hand = [*map(point, hints)]
        if palette and reference is not None:
            raise UserError("reference and palette both say which colours; give one")
        shares = lent_by(palette) if palette else None
        if reference is not None:
            shares = self.colours(reference)

        def one(image: Like) -> Like:
            source = take(image)
            said = self.look(source)
            if shares is not None:
                said = said.like(shares, likeness)
            pixels = said.picture(
                temperature=temperature, saturation=saturation, tau=tau, hints=by_hand
            )
            return back(image, pixels, source.alpha)

        return [*map(one, image)] if isinstance(image, list | tuple) else one(image)

    def colours(
        self, image: Like | Picture, name: str = "the reference"
    ) -> reference.Shares:
        """What `Prediction.like` takes of a picture: how much of it has each colour.

        Args:
            image: as for a call.
            name: for messages, where it is not a path.

        Raises:
            UserError: it cannot be read, or is grey; or the network states no
                distribution.
        """
        objective = prediction.distribution(
            self.objective, "reference", str(self.saved.path)
        )
        source = take(image)
        if source.kind() == "grey":
            name = shown(image) if isinstance(image, str | Path) else shown(name)
            raise UserError(f"{name} is grey; take a photograph that has colours")
        return reference.shares(self._seen(source)[1], objective.stride)

    def look(self, image: Like | Picture) -> Prediction:
        """Run the network, and the backbone if it has one, once."""
        source = take(image)
        small, seen = self._seen(source)
        h, w = seen.shape[:2]
        padding = ((0, bucket(h) - h), (0, bucket(w) - w), (0, 0))
        rgb = np.pad(seen, padding, mode="edge")[None]
        embedding = self._embed(small) if self._embed else None
        head = self._run(self.saved.variables, rgb, embedding)
        return Prediction(
            name=str(self.saved.path),
            objective=self.objective,
            decode=self._decode,
            edges=self.edges,
            source=source,
            head=head,
            rgb=rgb,
            size=(h, w),
        )

    def _seen(self, source: Picture) -> tuple[Image.Image, UInt8[np.ndarray, "h w 3"]]:
        """A picture not much larger than is needed, and what the network sees of it."""
        needed = whole_size(source.size, *self._view)
        longest = max(*needed, self._embed.size if self._embed else 0)
        small = source.small(max(1, max(source.size) // (2 * longest)))
        return small, np.asarray(whole_view(small, *self._view))


def load(
    path: str | Path | None, size: int | None = None, edges: bool = True
) -> Colorizer:
    """As `colorflax.load`."""
    return Colorizer(shipped.load(path), size, edges)


def built(saved: checkpoint.Saved, settings: config.Config) -> Coloring:
    """The network and objective of a checkpoint, as they are used after training.

    Raises:
        UserError: the settings want what the checkpoint does not have.
    """
    # The parameters are float32 also where training multiplied in less. One picture
    # takes little, and its colours should not depend on who has bfloat16.
    model = dataclasses.replace(settings.model, dtype="float32", remat=False)
    shares = saved.about.get("prior")
    prior = None if shares is None else np.asarray(shares)
    if made := saved.about.get("strangers"):
        raise UserError(
            f"{saved.path} was trained with {' and '.join(made)}, which its config "
            "cannot name; in Python, predict.Colorizer takes it as coloring="
        )
    return Coloring.build(dataclasses.replace(settings, model=model), prior)


def need_same_backbone(fingerprint: str, record: dict[str, str]) -> None:
    """Raise `UserError` unless a backbone is the one that a checkpoint recorded."""
    if fingerprint != record["fingerprint"]:
        raise UserError(
            f"the {record['name']} weights on this machine ({record['weights']}) are "
            "not those that the checkpoint was trained with"
        )


def bucket(side: int) -> int:
    """What a side is filled up to, so that few sizes compile.

    A multiple of 32; from 256 px on only four of them between powers of two, which is
    at most a quarter more.
    """
    step = max(GRAIN, 1 << max(0, (side - 1).bit_length() - 3))
    return -(-side // step) * step


@dataclasses.dataclass(frozen=True)
class _Embedder:
    """A backbone, and the side of the square that it sees."""

    backbone: features.Backbone

    @property
    def size(self) -> int:
        return self.backbone.size

    def __call__(self, image: Image.Image) -> np.ndarray:
        return self.backbone(features.fit(image, self.size)[None], batch=1)


def embedder(record: dict[str, str] | None) -> _Embedder | None:
    """The backbone that a network was trained with, checked to be the same."""
    if record is None:
        return None
    choice = features.recorded(record["name"], record["weights"])
    backbone = features.build(features.settle(choice, on_missing="error"))
    need_same_backbone(backbone.fingerprint, record)
    return _Embedder(backbone)
