"""Colour films: python -m colorflax.video FILM...

Reads what FFmpeg reads and writes H.264 with the sound of the film. Colours stay steady
from frame to frame.
"""

import math
from collections.abc import Sequence

from absl import flags

from colorflax import cli
from colorflax.control import asked
from colorflax.disk import files
from colorflax.errors import UserError

flags.adopt_module_key_flags(asked)
_OUT = flags.DEFINE_string("out", "colored", "folder for the coloured films")
_STEADINESS = flags.DEFINE_float(
    "steadiness", 1.0, "seconds over which the colours of an object are averaged; 0: "
    "each frame by itself",
    0,
)  # fmt: skip
_QUALITY = flags.DEFINE_integer(
    "quality", 18, "of H.264, as constant rate factor: a smaller number is better and "
    "gives larger files",
    0, 51,
)  # fmt: skip
_CONTAINER = flags.DEFINE_enum(
    "container", None, ["mp4", "mkv", "mov"], "of the output. Default: MP4 and "
    "QuickTime keep theirs, all else becomes Matroska",
)  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Colour every film named; 1 if any of them could not be."""
    names = argv[1:]
    if not names:
        raise UserError("name at least one film")
    if not math.isfinite(_STEADINESS.value):
        raise UserError("--steadiness is a number of seconds, as 0 or 1")
    wish = asked.wish()
    with cli.importing():
        from colorflax.workshop import cinema, programme
    out = files.local(_OUT.value)
    files.need_writable(out, "--out")
    plan = programme.plan(names, out, _CONTAINER.value)
    showing = cinema.Showing(
        steadiness=_STEADINESS.value,
        quality=_QUALITY.value,
        overwrite=asked.OVERWRITE.value,
    )
    return cinema.run(plan, asked.CHECKPOINT.value, wish, showing)


if __name__ == "__main__":
    cli.run(main)
