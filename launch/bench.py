"""Measure this machine: `python -m launch.bench color gamut`.

The benchmarks are color, colorize, data, edges, gamut, hints, platforms, reference,
train, video and zhang; without a name all run but platforms. They time colorflax and
another program in turn, in one process, and print medians. But edges, hints, platforms,
reference and video compare colours instead. Each is described in launch/bench_NAME.py.
"""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from absl import app, flags

from colorflax import cli, color
from colorflax.color import bins
from launch.bench_colorize import bench_colorize
from launch.bench_data import bench_data
from launch.bench_edges import bench_edges
from launch.bench_hints import bench_hints
from launch.bench_platforms import bench_platforms
from launch.bench_reference import bench_reference
from launch.bench_train import bench_train
from launch.bench_video import bench_video
from launch.bench_zhang import bench_zhang
from launch.timing import interleave, report

_ROUNDS = flags.DEFINE_integer("rounds", 9, "timed rounds of each benchmark", 1)


def bench_color(rounds: int) -> None:
    """Convert 16 pictures of 256x256, uint8, to Lab."""
    from skimage.color import rgb2lab

    rgb = np.random.default_rng(0).integers(0, 256, (16, 256, 256, 3), np.uint8)
    on_device = jax.device_put(rgb)
    convert = jax.jit(color.rgb_to_lab)
    contestants: dict[str, Callable[[], object]] = {
        "colorflax": lambda: convert(on_device),
        "scikit-image": lambda: rgb2lab(rgb),
    }
    report("rgb_to_lab, 16x256x256", interleave(contestants, rounds))


def bench_gamut(rounds: int) -> None:
    """Soft-encode 16 maps of 56x56 ab values."""
    from sklearn.neighbors import NearestNeighbors

    spread = np.random.default_rng(0).normal(0, 25, (16, 56, 56, 2))
    ab = np.clip(spread, -85, 95).astype(np.float32)
    on_device = jax.device_put(ab)
    encode = jax.jit(bins.soft_encode)
    tree = NearestNeighbors(n_neighbors=5).fit(bins.CENTRES)
    brute = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(bins.CENTRES)

    def search(neighbours: NearestNeighbors) -> tuple[np.ndarray, np.ndarray]:
        distance, index = neighbours.kneighbors(ab.reshape(-1, 2))
        weights = np.exp(-(distance**2) / 50)
        return index, weights / weights.sum(axis=1, keepdims=True)

    contestants: dict[str, Callable[[], object]] = {
        "colorflax": lambda: encode(on_device),
        "sklearn tree": lambda: search(tree),
        "sklearn brute": lambda: search(brute),
    }
    report("soft_encode, 16x56x56", interleave(contestants, rounds))


BENCHMARKS = {
    "color": bench_color,
    "colorize": bench_colorize,
    "gamut": bench_gamut,
    "data": bench_data,
    "edges": bench_edges,
    "hints": bench_hints,
    "platforms": bench_platforms,
    "reference": bench_reference,
    "train": bench_train,
    "video": bench_video,
    "zhang": bench_zhang,
}


def main(argv: Sequence[str]) -> None:
    """Run the benchmarks named on the command line, or all that any machine can."""
    names = argv[1:] or [name for name in BENCHMARKS if name != "platforms"]
    for unknown in set(names) - set(BENCHMARKS):
        raise app.UsageError(f"no benchmark {unknown!r}; have {', '.join(BENCHMARKS)}")
    for name in names:
        BENCHMARKS[name](_ROUNDS.value)


if __name__ == "__main__":
    cli.run(main)
