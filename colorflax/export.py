"""A network alone: python -m colorflax.export --checkpoint=RUN --out=DIR.

As a small checkpoint, as StableHLO and as ONNX, each measured against the checkpoint on
photographs before anything is left in DIR. Several --checkpoint become their mean.
"""

from collections.abc import Sequence

from absl import flags

from colorflax import cli, exported
from colorflax.disk import files
from colorflax.pretrained import shipped

_CHECKPOINT = flags.DEFINE_multi_string(
    "checkpoint", None, "folder of a run, or one checkpoint in it; `default` is the "
    "bundled network. Several: the mean of runs that began with the same network",
    required=True,
)  # fmt: skip
_OUT = flags.DEFINE_string("out", None, "new folder for the result", required=True)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float32", list(exported.DTYPES), "of the stored kernels; computing is in "
    "float32 either way"
)  # fmt: skip
_FORMATS = flags.DEFINE_list(
    "formats", ["orbax", "stablehlo"], f"any of {', '.join(exported.FORMATS)}"
)
_TEMPERATURE = flags.DEFINE_float(
    "temperature", None, "default temperature of the exported checkpoint", 1e-3
)
_TAU = flags.DEFINE_float("tau", None, "default tau of the exported checkpoint")
_GAIN = flags.DEFINE_float(
    "gain", None, "what the exported checkpoint multiplies colours by"
)


def main(argv: Sequence[str]) -> None:
    """Write every format, and print how large and how true it is."""
    cli.need_no_arguments(argv)
    out = files.local(_OUT.value)
    each = [shipped.load(name) for name in _CHECKPOINT.value]
    saved = exported.mean(each)
    flag = {"temperature": _TEMPERATURE, "tau": _TAU, "gain": _GAIN}
    wishes = {name: each.value for name, each in flag.items()}
    decoding = {name: x for name, x in wishes.items() if x is not None}
    done = exported.export(saved, out, _DTYPE.value, _FORMATS.value, decoding)
    bound = exported.BOUNDS[_DTYPE.value]
    for one in each:
        print(f"{files.shown(one.path)}: {_megabytes(exported.size(one.path))}")
    for form in done.values():
        print(
            f"{files.shown(out / form.path)}: {_megabytes(form.size)}; ab differs by "
            f"{form.difference.max:.2g} at most, {form.difference.mean:.2g} on average "
            f"(allowed: {bound.max:g}, {bound.mean:g})"
        )
    if "orbax" in done:
        shown = files.shown(out)
        print(f"Colour: python -m colorflax.colorize --checkpoint={shown} PHOTO.jpg")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"


if __name__ == "__main__":
    cli.run(main)
