"""Flags of what colours photographs and of what colours films: how it is to look."""

from typing import Any

from absl import flags

from colorflax.control.order import LIKENESS, Wish
from colorflax.errors import UserError

CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "folder of a run, or one checkpoint in it; the one that comes "
    "with colorflax if not given",
)
_SIZE = flags.DEFINE_integer(
    "size",
    None,
    "px, the short side that the network sees (the long one where it was "
    "trained with fit=pad); that of training if not given",
)
_TEMPERATURE = flags.DEFINE_float(
    "temperature", None, "of a classification: near 0 the likeliest colours, towards 1 "
    "duller, their mean; that of its config if not given",
)  # fmt: skip
_TAU = flags.DEFINE_float(
    "tau", None, "of a classification: 0 the colours it expects, towards 1 livelier; "
    "that of its config if not given",
)  # fmt: skip
_SATURATION = flags.DEFINE_float(
    "saturation", 1.0, "what chroma is multiplied by; 1 is as the checkpoint has it", 0
)
_EDGES = flags.DEFINE_enum(
    "edges", "guided", ["guided", "off"],
    "whether colours follow the edges of the picture, and are even between them",
)  # fmt: skip
_REFERENCE = flags.DEFINE_string(
    "reference", None, "a photograph whose colours these get, where the network thinks "
    "that they belong",
)  # fmt: skip
_PALETTE = flags.DEFINE_list(
    "palette", [], "colours that these get, where the network thinks that they belong, "
    "as in #c8a878,steelblue,olive",
)  # fmt: skip
_LIKENESS = flags.DEFINE_float(
    "likeness", LIKENESS, "to --reference or --palette, in how much of each colour "
    "there is: 0 none", 0, 1,
)  # fmt: skip
_PROVENANCE = flags.DEFINE_boolean(
    "provenance", True, "say in what is written that a machine has coloured it"
)
OVERWRITE = flags.DEFINE_boolean(
    "overwrite", False, "colour again what colorflax has coloured before"
)


def wish(**more: Any) -> Wish:
    """What these flags ask for, and `more`.

    Raises:
        UserError: they contradict each other.
    """
    if flags.FLAGS["checkpoint"].present > 1:
        raise UserError("--checkpoint is given more than once; one colours at a time")
    if _SIZE.value is not None and _SIZE.value < 16:
        raise UserError(f"--size={_SIZE.value} is too small; take at least 16")
    lent = _REFERENCE.value is not None, bool(_PALETTE.value)
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
        palette=tuple(_PALETTE.value),
        likeness=_LIKENESS.value,
        provenance=_PROVENANCE.value,
        **more,
    )
