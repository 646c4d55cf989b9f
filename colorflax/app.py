"""Colour photographs on a web page: python -m colorflax.app."""

from collections.abc import Sequence

from absl import flags

from colorflax import cli, predict
from colorflax.control.order import Wish
from colorflax.errors import UserError
from colorflax.workshop import studio

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint",
    None,
    "folder of a run, or one checkpoint in it; default: the bundled network",
)
_PORT = flags.DEFINE_integer(
    "port", 7860, "port of the page, on this machine only; 0 takes a free one", 0, 65535
)
_MEGABYTES = flags.DEFINE_float("max_megabytes", 200, "largest upload", 0.001)
_MEGAPIXELS = flags.DEFINE_float("max_megapixels", 50, "largest photograph", 0.001)


def main(argv: Sequence[str]) -> None:
    """Serve the page until somebody stops it."""
    if argv[1:]:
        raise UserError(f"{argv[1]}: drop photographs on the page, not on this command")
    try:
        with cli.importing():
            from colorflax.page import serving
    except ModuleNotFoundError as error:
        raise UserError(
            f"the page needs Gradio ({error.name} is missing); in the clone, run "
            "pip install -e '.[app]'"
        ) from None
    colorizer = predict.load(_CHECKPOINT.value)
    limits = serving.Limits(int(1e6 * _MEGABYTES.value), 1e6 * _MEGAPIXELS.value)
    serving.serve(studio.Studio(colorizer, Wish()), _PORT.value, limits)


if __name__ == "__main__":
    cli.run(main)
