"""What a step costs on many accelerators, by arithmetic: `python -m launch.scaling`.

Nothing is run. Operations and parameters are counted from the networks. Speeds and
bandwidths are the makers' figures and the flags below; replace them by your own.
"""

import dataclasses
from collections.abc import Sequence

from absl import flags

from colorflax import cli
from launch.markdown import markdown
from launch.networks import Network

_SIZE = flags.DEFINE_integer("size", 256, "px", 8)
_BATCH = flags.DEFINE_integer("batch", 32, "photographs on each accelerator", 1)
_TFLOPS = flags.DEFINE_float("tflops", 989.0, "peak of one accelerator, TFLOP/s", 0.1)
_USED = flags.DEFINE_float("used", 0.3, "share of the peak that is reached", 1e-6, 1.0)
_DECODE = flags.DEFINE_float(
    "decode", 250.0, "photographs a core decodes in a second", 1e-6
)
_LINKS = {"NVLink, 450": 450.0, "400 Gb/s, 50": 50.0, "100 Gb/s, 12.5": 12.5}  # GB/s
_PER_HOST = 8


@dataclasses.dataclass(frozen=True)
class Step:
    """One training step of a network on `n` accelerators, data-parallel."""

    parameters: int
    forward: float  # floating-point operations per photograph
    n: int
    batch: int  # per accelerator

    @property
    def seconds(self) -> float:
        """Of computing: forward, and twice that for the two gradients."""
        return 3 * self.forward * self.batch / (_TFLOPS.value * 1e12 * _USED.value)

    def all_reduce(self, gigabytes: float) -> float:
        """Seconds of a ring that sums float32 gradients at so many GB/s each way."""
        return 2 * (self.n - 1) / self.n * 4 * self.parameters / (gigabytes * 1e9)

    @property
    def cores(self) -> float:
        """That decode for one host of 8 accelerators while they compute."""
        return _PER_HOST * self.batch / self.seconds / _DECODE.value


def table() -> str:
    """A row for each network and number of accelerators."""
    links = [f"all-reduce, ms, {name} GB/s" for name in _LINKS]
    rows = [["network", "accelerators", "batch", "gradient, MB", "compute, ms", *links,
             "photographs/s", "decoding cores per host"]]  # fmt: skip
    for name in ("fusion", "zhang"):
        parameters, forward = Network.named(name).cost(_SIZE.value)
        for n in (8, 64, 1024):
            step = Step(parameters, forward, n, _BATCH.value)
            rows.append([
                name, str(n), f"{n * step.batch:,}", f"{4 * parameters / 1e6:.0f}",
                f"{1e3 * step.seconds:.1f}",
                *(f"{1e3 * step.all_reduce(speed):.1f}" for speed in _LINKS.values()),
                f"{n * step.batch / step.seconds:,.0f}", f"{step.cores:.0f}",
            ])  # fmt: skip
    return markdown(rows, right=set(range(1, len(rows[0]))))


def main(argv: Sequence[str]) -> None:
    """Print the table."""
    cli.need_no_arguments(argv)
    print(table())


if __name__ == "__main__":
    cli.run(main)
