"""The weights of Colorful Image Colorization: python -m colorflax.published --out=DIR.

Downloads the weights that the authors trained, or takes a file, and writes a checkpoint
for `colorize` and `colorflax.load`. PyTorch is not needed.
"""

from collections.abc import Sequence

from absl import flags

from colorflax import cli
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.pretrained import release

_WEIGHTS = flags.DEFINE_string(
    "weights", None, "file written by torch.save; default: download that of the authors"
)
_OUT = flags.DEFINE_string("out", "runs/published", "folder for the checkpoint")


def main(argv: Sequence[str]) -> None:
    """Fetch, convert, save."""
    if len(argv) > 1:
        raise UserError(f"{argv[1]!r} is not a flag; name a file by --weights=FILE")
    out = files.local(_OUT.value)
    source = files.local(_WEIGHTS.value) if _WEIGHTS.value else release.fetch()
    release.publish(source, out)
    shown = files.shown(out)
    print(f"Colour: python -m colorflax.colorize --checkpoint={shown} PHOTO.jpg")


if __name__ == "__main__":
    cli.run(main)
