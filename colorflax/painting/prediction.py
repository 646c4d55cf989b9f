"""What a network said of one picture becomes many pictures."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, UInt8

from colorflax.color import bins
from colorflax.coloring import split
from colorflax.control import hints, reference
from colorflax.control.order import Hint
from colorflax.errors import UserError
from colorflax.objectives import Classification, Objective
from colorflax.painting import guided, posterior
from colorflax.painting.paint import paint, rows
from colorflax.picture import Picture
from colorflax.picture.pixels import Pixels
from colorflax.resample import pool

DRAWN_AT = 1.0
"""The temperature of samples for which none is wished."""

MOST = 1000
"""Beyond any use, of a saturation or tau; and far from where float32 ends."""

_STRIP = 1 << 20  # pixels

Decoding = tuple[float, float]
"""Temperature and tau."""

Decode = Callable[[jax.Array, float, float], jax.Array]


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """What a network said of one picture.

    Attributes:
        name: of the checkpoint, for messages.
        objective: what the head means.
        decode: from `decoder`.
        edges: whether colours follow the edges of the picture, and change with them.
        source: the picture.
        head: what the network said.
        rgb: (1, h, w, 3), what it saw, its edges repeated to few sizes.
        size: height and width without them.
        pointed: width and height of what hints point at, where that is not the source.
    """

    name: str
    objective: Objective
    decode: Decode
    edges: bool
    source: Picture
    head: jax.Array
    rgb: UInt8[np.ndarray, "1 h w 3"]
    size: tuple[int, int]
    pointed: tuple[int, int] | None = None

    def picture(
        self,
        *,
        temperature: float | None = None,
        saturation: float = 1.0,
        tau: float | None = None,
        hints: Sequence[Hint] = (),
    ) -> Pixels:
        """The picture in the colours expected.

        Args:
            temperature: of a classification: near 0 the likeliest colours, towards 1
                their mean; None for that of the config.
            saturation: what chroma is multiplied by, as far as sRGB goes.
            tau: of a classification: 0 believes what it says, towards 1 rare colours,
                which are lively ones, are believed more; None for that of the config.
            hints: colours that are set at points of it, and spread from there; they
                are what saturation does not touch.

        Returns:
            (h, w, 3), with the dtype of the source.

        Raises:
            UserError: a temperature or tau where there is no classification, or a tau
                where the checkpoint does not say which colours are rare; a hint that
                is outside, or no colour.
        """
        ab = self.decode(self.head, *self._how(temperature, tau))
        return self._paint(ab, saturation, hints)

    def samples(
        self,
        n: int,
        seed: int = 0,
        *,
        temperature: float | None = None,
        saturation: float = 1.0,
        tau: float | None = None,
        hints: Sequence[Hint] = (),
    ) -> Iterator[Pixels]:
        """Different colourings, the one likeliest to the network first.

        They are as lively as the network takes the truth to be, so that the gain of its
        config, which is for means, has no part in them.

        Args:
            n: how many.
            seed: the same one gives the same colourings.
            temperature: near 0 nothing but the likeliest colours; None for 1, all of
                them as often as the network thinks.
            saturation: as for `picture`.
            tau: as for `picture`.
            hints: as for `picture`.

        Raises:
            UserError: the checkpoint states no distribution to draw from; `n` or `seed`
                is out of range; a hint that is outside, or no colour.
        """
        objective = distribution(self.objective, "samples", self.name)
        if n < 0 or not 0 <= seed < 2**32:
            raise UserError(f"{n} samples of seed {seed}; both should be 0 or more")
        wished = DRAWN_AT if temperature is None else temperature
        temperature, tau = self._how(wished, tau)
        tilted = dataclasses.replace(objective, tau=tau).tilted(self.head)
        logits = tilted / max(temperature, bins.COLDEST)
        drawn = []
        for key in jax.random.split(jax.random.key(seed), n):
            ab, logp = _draw(logits, key)
            drawn.append((float(self._cut(logp).mean()), ab))
        for _, ab in sorted(drawn, key=lambda likely: -likely[0]):
            yield self._paint(ab, saturation, hints)

    def like(
        self, shares: reference.Shares | reference.Palette, likeness: float
    ) -> "Prediction":
        """The same, said with the colours of another photograph, or of a palette.

        Args:
            shares: from `Colorizer.colours` of that, or `reference.palette`.
            likeness: 0 changes nothing; at 1 the distributions of all pixels together
                have these shares, before they are decoded.

        Raises:
            UserError: the checkpoint states no distribution; `likeness` is none.
        """
        what = "reference" if shares.ndim == 1 else "palette"
        distribution(self.objective, what, self.name)
        need_likeness(likeness)
        if likeness == 0:
            return self
        size = np.array(self.rows_columns)
        return dataclasses.replace(
            self, head=reference.lend(self.head, size, shares, likeness)
        )

    def probabilities(self) -> Float[np.ndarray, "rows columns 313"]:
        """How likely each of the bins is, whose ab are `color.bins.CENTRES`.

        At the size of the head: that at which the network sees the picture, over its
        stride.

        Raises:
            UserError: the checkpoint states no distribution.
        """
        distribution(self.objective, "probabilities", self.name)
        return self._cut(jax.nn.softmax(self.head))

    def confidence(self) -> UInt8[np.ndarray, "h w"]:
        """How sure the network is of each pixel's colour: 0 to 255; see `posterior`.

        Raises:
            UserError: the checkpoint states no distribution.
        """
        distribution(self.objective, "confidence", self.name)
        sure = self._enlarged(self._cut(_confidence(self.head)[..., None]), guide=False)
        w, h = self.source.size
        whole = np.empty((h, w), np.uint8)
        step = max(1, _STRIP // w)
        for top in range(0, h, step):
            L = np.empty((min(step, h - top), w), np.float32)  # looked at by nobody
            share = sure.rows(top, L)[..., 0].clip(0, 1)
            whole[top : top + step] = np.round(255 * share)
        return whole

    def ab(
        self, decode: Callable[[jax.Array], jax.Array]
    ) -> Float[np.ndarray, "h w 2"]:
        """Each pixel's colour by what `decode` has of the head, not yet fitted."""
        enlarged = self._enlarged(self._said(decode(self.head)), guide=self.edges)
        w, h = self.source.size
        whole = np.empty((h, w, 2), np.float32)
        for top, _, colours in rows(self.source.pixels, enlarged):
            whole[top : top + len(colours)] = colours
        return whole

    @property
    def rows_columns(self) -> tuple[int, int]:
        """How much of the head stands for the picture."""
        stride = self.objective.stride
        h, w = (-(-side // stride) for side in self.size)
        return h, w

    def _paint(
        self, ab: jax.Array, saturation: float, hinted: Sequence[Hint]
    ) -> Pixels:
        need_saturation(saturation)
        said = self._said(ab)
        if not hinted:
            enlarged = self._enlarged(said, guide=self.edges)
            return paint(self.source.pixels, enlarged, saturation)
        size = self.pointed or self.source.size
        places = hints.cells(hinted, size, self._extent, self.rows_columns)
        said = hints.moved(
            saturation * said, self._lightness(), places, hints.colours(hinted)
        )
        return paint(self.source.pixels, self._enlarged(said, guide=self.edges))

    def _said(self, ab: jax.Array) -> Float[np.ndarray, "h w 2"]:
        """ab at the head's stride, along the edges if that is wished."""
        said = self._cut(ab)
        return guided.smooth(said, self._lightness()) if self.edges else said

    def _cut(self, values: jax.Array) -> Float[np.ndarray, "h w *c"]:
        """Of what the head says, what stands for the picture."""
        h, w = self.rows_columns
        return np.asarray(values)[0, :h, :w]

    def _enlarged(
        self, values: Float[np.ndarray, "h w c"], guide: bool
    ) -> guided.Enlarged:
        """What is said at the head's stride, at the size of the picture."""
        small = self._lightness() if guide else None
        return guided.enlarge(values, self.source.size, small, self._extent)

    @property
    def _extent(self) -> tuple[float, float]:
        """Width and height of what the head says of the picture."""
        stride = self.objective.stride
        return self.size[1] / stride, self.size[0] / stride

    def _lightness(self) -> Float[np.ndarray, "h w"]:
        return self._cut(_guide(self.rgb, self.objective.stride))[..., 0]

    def _how(self, temperature: float | None, tau: float | None) -> Decoding:
        return settle(self.objective, temperature, tau, self.name)


def distribution(objective: Objective, what: str, name: str) -> Classification:
    """The objective; `UserError` where `what` has no meaning for checkpoint `name`."""
    if not isinstance(objective, Classification):
        raise UserError(
            f"{what}: {name} was trained with regression, which says "
            "nothing but a mean; take a checkpoint of a classification"
        )
    return objective


def need_saturation(value: float) -> None:
    """Raise `UserError` unless chroma can be multiplied by it."""
    if not 0 <= value <= MOST:
        raise UserError(f"saturation={value:g}; take a number from 0 to {MOST}")


def need_likeness(value: float) -> None:
    """Raise `UserError` unless a reference can be followed so far."""
    if not 0 <= value <= 1:
        raise UserError(f"likeness={value:g}; take a number from 0 to 1")


def settle(
    objective: Objective, temperature: float | None, tau: float | None, name: str
) -> Decoding:
    """What decodes a head: what is wished for, and else what its config says.

    Raises:
        UserError: checkpoint `name` cannot be decoded like that.
    """
    for what, value in (("temperature", temperature), ("tau", tau)):
        if value is not None:
            distribution(objective, what, name)
    if not isinstance(objective, Classification):
        return 1.0, 0.0
    if temperature is None:
        temperature = objective.temperature
    elif not 0 < temperature < math.inf:
        raise UserError(f"temperature={temperature:g}; take more than 0")
    if tau is None:
        tau = objective.tau
    elif not abs(tau) <= MOST:
        raise UserError(f"tau={tau:g}; take a number, as 0 or 1")
    elif tau and objective.log_weights is None:
        raise UserError(
            f"tau={tau:g}: {name} does not say which colours are rare; take a "
            "checkpoint that colorflax has trained"
        )
    return temperature, tau


def decoder(objective: Objective) -> Decode:
    """(head, temperature, tau) -> ab; a regression has neither of the two."""

    @jax.jit
    def decode(head: jax.Array, temperature: Any, tau: Any) -> jax.Array:
        if not isinstance(objective, Classification):
            return objective.decode(head)
        return dataclasses.replace(objective, temperature=temperature, tau=tau).decode(
            head
        )

    return decode


_draw = jax.jit(posterior.draw)
_confidence = jax.jit(posterior.confidence)


@functools.partial(jax.jit, static_argnums=1)
def _guide(rgb: jax.Array, stride: int) -> jax.Array:
    return pool(split(rgb)[0], stride)
