"""Which photographs can teach colours, and why the others cannot.

The defaults were tuned on 11,845 colour photographs from eighteen collections and 47
black-and-white or toned ones.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from colorflax.picture import tint
from colorflax.preparation.duplicates import near_duplicates
from colorflax.preparation.measure import Measured
from colorflax.preparation.options import option

FAILED = ("download", "corrupt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a photograph stops being useful."""

    min_side: int = option(
        128, "px, the shortest side allowed; less must be enlarged and is blurred", 1
    )
    max_aspect: float = option(
        3.0, "long side : short side; a crop of a longer strip misses most of it", 1.0
    )
    min_chroma: float = option(
        tint.GREY,
        "CIE ab, mean; less is greyscale. Noise and a slight cast of a scan stay below",
        0.0,
    )
    min_spread: float = option(
        tint.TONED,
        "CIE ab, rms around the mean colour of each lightness; less is sepia or another"
        " tone. Toned prints measure 0.3 to 2. 3.5 finds blotched ones too, but takes "
        "3 % of colour photographs instead of 0.4 %",
        0.0,
    )
    min_colorfulness: float = option(
        8.0,
        "Hasler and Susstrunk's M; less is too pale to learn from. They call 15 "
        "slightly colourful",
        0.0,
    )
    min_colors: float = option(
        3.5,
        "colours the picture might as well consist of; less is a plain drawing, chart "
        "or logo. Photographs of one thing on white go down to 3.6",
        0.0,
    )
    near_bits: int = option(
        6,
        "bits of a 64-bit difference hash in which near duplicates may differ: "
        "re-encoded, resized, barely cropped; -1 keeps them",
        -1,
        15,
    )
    near_levels: float = option(
        12.0,
        "levels of 255 by which their 8x8 thumbnails may differ as well, since plain "
        "skies have equal hashes",
        0.0,
    )


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`reason` is empty for a photograph that stays; `detail` is for people."""

    reason: str = ""
    detail: str = ""

    @property
    def word(self) -> str:
        """One of ok, dropped, failed."""
        if not self.reason:
            return "ok"
        return "failed" if self.reason in FAILED else "dropped"


def judge(
    names: Sequence[str], measured: Sequence[Measured], thresholds: Thresholds
) -> list[Verdict]:
    """A verdict per file.

    Of exact duplicates the first named stays. Of near ones the largest stays, and only
    those that would stay otherwise are compared, so that a grey copy of a colour
    photograph never displaces it.
    """
    verdicts = [_alone(m, thresholds) for m in measured]
    first: dict[str, int] = {}
    for i, m in enumerate(measured):
        if not m.error and first.setdefault(m.sha256, i) != i:
            same = names[first[m.sha256]]
            verdicts[i] = Verdict("duplicate", f"the same file as {same}")
    if thresholds.near_bits >= 0:
        _mark_near(names, measured, thresholds, verdicts)
    return verdicts


def _alone(m: Measured, t: Thresholds) -> Verdict:
    if m.error:
        return Verdict("corrupt", m.error)
    sides = sorted((m.width, m.height))
    if sides[0] < t.min_side:
        return Verdict("small", f"{sides[0]} px")
    if sides[1] > t.max_aspect * sides[0]:
        return Verdict("aspect", f"{sides[1] / sides[0]:.1f} : 1")
    if m.chroma < t.min_chroma:
        return Verdict("greyscale", f"chroma {m.chroma:.1f}")
    if m.spread < t.min_spread:
        return Verdict("sepia", f"spread {m.spread:.1f}")
    if m.colorfulness < t.min_colorfulness:
        return Verdict("pale", f"colourfulness {m.colorfulness:.1f}")
    if m.colors < t.min_colors:
        return Verdict("graphics", f"{m.colors:.1f} colours")
    return Verdict()


def _mark_near(
    names: Sequence[str],
    measured: Sequence[Measured],
    thresholds: Thresholds,
    verdicts: list[Verdict],
) -> None:
    def rank(i: int) -> tuple[int, str]:
        return -measured[i].width * measured[i].height, measured[i].sha256

    order = sorted((i for i, v in enumerate(verdicts) if not v.reason), key=rank)
    packed = bytes.fromhex("".join(measured[i].thumbnail for i in order))
    repeats = near_duplicates(
        [measured[i].dhash for i in order],
        np.frombuffer(packed, np.uint8).reshape(-1, 192),
        thresholds.near_bits,
        thresholds.near_levels,
    )
    for later, earlier in repeats.items():
        verdicts[order[later]] = Verdict("near", f"like {names[order[earlier]]}")
