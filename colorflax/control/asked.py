"""The flags that `colorize` and `video` share: how the colours should look."""

from typing import Any

from absl import flags

from colorflax.control.order import LIKENESS, Wish, colours
from colorflax.errors import UserError

CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "folder of a run, or one checkpoint in it; default: the bundled network",
)
_SIZE = flags.DEFINE_integer(
    "size",
    None,
    "px, the short side at which the network sees the picture (the long side if it "
    "was trained with fit=pad), at least 16. Default: that of training; for a network "
    "trained at varying sizes, the multiple of 32 nearest the largest (224 for the "
    "bundled network)",
)
_TEMPERATURE = flags.DEFINE_float(
    "temperature", None, "of a classification: near 0 the likeliest colour of each "
    "pixel, 1 the mean of all; which is livelier depends on the training. Default: "
    "that of the checkpoint, and 1 for --samples",
)  # fmt: skip
_TAU = flags.DEFINE_float(
    "tau", None, "of a classification: 0 as the network says, towards 1 rare colours "
    "get more weight, which is livelier. Default: that of the checkpoint",
)  # fmt: skip
_SATURATION = flags.DEFINE_float(
    "saturation", 1.0, "multiplies chroma, after the gain of the checkpoint", 0
)
_EDGES = flags.DEFINE_enum(
    "edges", "guided", ["guided", "off"],
    "whether colours follow the edges of the picture, and are even between them",
)  # fmt: skip
_REFERENCE = flags.DEFINE_string(
    "reference", None, "match the amounts of the colours to those of this photograph, "
    "where the network finds them plausible",
)  # fmt: skip
_PALETTE = flags.DEFINE_multi_string(
    "palette", [], "prefer these colours, where the network finds them plausible: "
    "#c8a878,steelblue,olive, for example",
)  # fmt: skip
_LIKENESS = flags.DEFINE_float(
    "likeness", LIKENESS, "how closely to match the amounts of colour of --reference "
    "or --palette: 0 not, 1 fully", 0, 1,
)  # fmt: skip
_PROVENANCE = flags.DEFINE_boolean(
    "provenance", True, "write into the file that a machine has coloured it"
)
OVERWRITE = flags.DEFINE_boolean(
    "overwrite", False, "colour again what colorflax has coloured before"
)
_ONE = {"checkpoint", "out", "reference", "report"}  # whose last would hide the first


def wish(**more: Any) -> Wish:
    """What these flags ask for, and `more`.

    Raises:
        UserError: they contradict each other.
    """
    for name in _ONE.intersection(flags.FLAGS):
        if flags.FLAGS[name].present > 1:
            raise UserError(f"--{name} is given more than once; give one")
    if _SIZE.value is not None and _SIZE.value < 16:
        raise UserError(f"--size={_SIZE.value} is too small; take at least 16")
    palette = colours(",".join(_PALETTE.value).split(","))
    lent = _REFERENCE.value is not None, bool(palette)
    if flags.FLAGS["likeness"].present and not any(lent):
        raise UserError("--likeness is that to a --reference or --palette; name one")
    if all(lent):
        raise UserError("--reference and --palette both say which colours; take one")
    return Wish(
        temperature=_TEMPERATURE.value,
        saturation=_SATURATION.value,
        tau=_TAU.value,
        size=_SIZE.value,
        edges=_EDGES.value,
        reference=_REFERENCE.value,
        palette=palette,
        likeness=_LIKENESS.value,
        provenance=_PROVENANCE.value,
        **more,
    )
