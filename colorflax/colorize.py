"""Colour photographs: python -m colorflax.colorize PHOTO-OR-FOLDER...

JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP, JPEG 2000 and PPM; - is a picture on standard
input, coloured to standard output.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from colorflax import cli, files
from colorflax.errors import UserError
from colorflax.order import LIKENESS, Order, Wish, hint
from colorflax.picture import FORMATS

_PICTURES = {*FORMATS.values(), ".jpeg", ".tiff"}
_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "folder of a run, or one checkpoint in it; the one that comes "
    "with colorflax if not given",
)
_OUT = flags.DEFINE_string("out", "colored", "folder for the coloured pictures")
_FORMAT = flags.DEFINE_enum(
    "format", None, list(FORMATS), "of what is written; if not given, PNG and TIFF stay"
    " what they are and all else becomes PNG",
)  # fmt: skip
_SIZE = flags.DEFINE_integer(
    "size",
    None,
    "px, the short side that the network sees (the long one where it was "
    "trained with fit=pad); that of training if not given",
)
_TEMPERATURE = flags.DEFINE_float(
    "temperature", None, "of a classification: near 0 the likeliest colours, towards 1 "
    "duller, their mean; that of training if not given",
)  # fmt: skip
_TAU = flags.DEFINE_float(
    "tau", None, "of a classification: 0 the colours it expects, towards 1 livelier; "
    "that of its config if not given",
)  # fmt: skip
_SATURATION = flags.DEFINE_float(
    "saturation", 1.0, "what chroma is multiplied by; 1 is as the checkpoint has it", 0
)
_EDGES = flags.DEFINE_enum(
    "edges", "guided", ["guided", "smooth"],
    "whether colours follow the edges of the picture",
)  # fmt: skip
_SAMPLES = flags.DEFINE_integer(
    "samples", 0, "other plausible colourings written as well, the likeliest first", 0
)
_SEED = flags.DEFINE_integer("seed", 0, "of --samples", 0, 2**32 - 1)
_CONFIDENCE = flags.DEFINE_boolean(
    "confidence", False, "also write how sure the network is: white where it is"
)
_HINT = flags.DEFINE_multi_string(
    "hint", [], "X,Y,COLOUR, px from the upper left, as in 120,340,#c8a878 or 9,9,tan: "
    "what lies there gets that colour, and what is like it around; of one photograph, "
    "and as often as is wished",
)  # fmt: skip
_REFERENCE = flags.DEFINE_string(
    "reference", None, "a photograph whose colours these get, where the network thinks "
    "that they belong",
)  # fmt: skip
_LIKENESS = flags.DEFINE_float(
    "likeness", LIKENESS, "to --reference, in how much of each colour there is: 0 none",
    0, 1,
)  # fmt: skip
_COMPARE = flags.DEFINE_boolean(
    "compare", False, "also write grey and coloured side by side"
)
_PROVENANCE = flags.DEFINE_boolean(
    "provenance", True, "say in what is written that a machine has coloured it"
)
_OVERWRITE = flags.DEFINE_boolean(
    "overwrite", False, "colour again what was coloured by the same command before"
)
_REPORT = flags.DEFINE_string("report", None, "JSON file: what became of each picture")


def main(argv: Sequence[str]) -> int:
    """Colour every photograph named; 1 if any of them could not be."""
    names = argv[1:]
    if not names:
        raise UserError("name at least one photograph or folder, or - for a pipe")
    if _SIZE.value is not None and _SIZE.value < 16:
        raise UserError(f"--size={_SIZE.value} is too small; take at least 16")
    if flags.FLAGS["likeness"].present and _REFERENCE.value is None:
        raise UserError("--likeness is that to a --reference; name one")
    if _OUT.value == "-" or Path(_OUT.value).suffix.lower() in _PICTURES:
        raise UserError(
            f"--out={_OUT.value} is a folder for what is written, not a picture; name "
            "a folder, or colour - to standard output"
        )
    wish = Wish(
        temperature=_TEMPERATURE.value,
        saturation=_SATURATION.value,
        tau=_TAU.value,
        size=_SIZE.value,
        edges=_EDGES.value,
        samples=_SAMPLES.value,
        seed=_SEED.value,
        confidence=_CONFIDENCE.value,
        compare=_COMPARE.value,
        hints=tuple(hint(text) for text in _HINT.value),
        reference=_REFERENCE.value,
        likeness=_LIKENESS.value,
        format=_FORMAT.value,
        provenance=_PROVENANCE.value,
    )
    order = Order(
        names=names,
        checkpoint=_CHECKPOINT.value,
        out=files.local(_OUT.value),
        report=None if _REPORT.value is None else files.local(_REPORT.value),
        overwrite=_OVERWRITE.value,
        wish=wish,
    )
    with cli.importing():
        from colorflax.workshop import errand
    return errand.run(order)


if __name__ == "__main__":
    cli.run(main)
