"""Colour photographs: python -m colorflax.colorize PHOTO-OR-FOLDER...

Reads JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP, JPEG 2000, PPM and, where pillow-heif is
installed, HEIC. - reads a picture from standard input and writes it to standard output.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from colorflax import cli
from colorflax.control import asked
from colorflax.control.order import Order, hint
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.picture import FORMATS

_PICTURES = {*FORMATS.values(), ".jpeg", ".tiff"}
flags.adopt_module_key_flags(asked)
_OUT = flags.DEFINE_string("out", "colored", "folder for the coloured pictures")
_FORMAT = flags.DEFINE_enum(
    "format", None, list(FORMATS), "of the output. Default: PNG and TIFF keep their "
    "format, all else becomes PNG",
)  # fmt: skip
_SAMPLES = flags.DEFINE_integer(
    "samples", 0, "number of other plausible colourings to write, likeliest first",
    0, 100,
)  # fmt: skip
_SEED = flags.DEFINE_integer("seed", 0, "random seed of --samples", 0, 2**32 - 1)
_CONFIDENCE = flags.DEFINE_boolean(
    "confidence", False, "also write a map of how sure the network is (white: sure)"
)
_HINT = flags.DEFINE_multi_string(
    "hint", [], "X,Y,COLOUR, in px from the upper left, as in 120,340,#c8a878 or "
    "9,9,tan: sets the colour there and of similar areas around it. Only for one "
    "photograph; may be given several times",
)  # fmt: skip
_COMPARE = flags.DEFINE_boolean(
    "compare", False, "also write grey and coloured side by side"
)
_REPORT = flags.DEFINE_string("report", None, "JSON file: what became of each picture")


def main(argv: Sequence[str]) -> int:
    """Colour every photograph named; 1 if any of them could not be."""
    names = argv[1:]
    if not names:
        raise UserError("name at least one photograph or folder, or - for a pipe")
    if _OUT.value == "-" or Path(_OUT.value).suffix.lower() in _PICTURES:
        raise UserError(
            f"--out={_OUT.value} is a folder for what is written, not a picture; name "
            "a folder, or colour - to standard output"
        )
    if "-" in names and flags.FLAGS["out"].present:
        raise UserError("--out is about files; leave it out with -")
    wish = asked.wish(
        samples=_SAMPLES.value,
        seed=_SEED.value,
        confidence=_CONFIDENCE.value,
        compare=_COMPARE.value,
        hints=tuple(hint(text) for text in _HINT.value),
        format=_FORMAT.value,
    )
    order = Order(
        names=names,
        checkpoint=asked.CHECKPOINT.value,
        out=files.local(_OUT.value),
        report=None if _REPORT.value is None else files.local(_REPORT.value),
        overwrite=asked.OVERWRITE.value,
        wish=wish,
    )
    with cli.importing():
        from colorflax.workshop import errand
    return errand.run(order)


if __name__ == "__main__":
    cli.run(main)
