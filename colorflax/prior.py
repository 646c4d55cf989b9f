"""Count how often each colour occurs.

    python -m colorflax.prior --source=folder:DIR --out=prior.npy

Train with it: --config.objective.prior=prior.npy
"""

from collections.abc import Sequence

import numpy as np
from absl import flags
from jaxtyping import Float, Int64

from colorflax import cli, config
from colorflax.color import bins, chart
from colorflax.config import rules
from colorflax.data import library, pipeline
from colorflax.data.photographs import Photographs
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.training import census

_SOURCE = flags.DEFINE_string("source", None, "photographs, as in config.data.source")
_OUT = flags.DEFINE_string("out", "prior.npy", "file for --config.objective.prior")
_PLOT = flags.DEFINE_string("plot", None, "PNG file of the bins and their frequency")
_SAMPLES = flags.DEFINE_integer(
    "samples", 0, "number of photographs to count, drawn by --seed; 0 counts all", 0
)
_SEED = flags.DEFINE_integer("seed", 0, "random seed of --samples", 0)
_SIZE = flags.DEFINE_integer(
    "size",
    256,
    "px, side of the central square that is counted; short sides are resized to it",
    8,
)
_STRIDE = flags.DEFINE_integer(
    "stride", 4, "px over which colours are averaged, as config.model.stride", 1
)
_SPLIT = flags.DEFINE_string("split", "train", "as config.data.train_split")
_THREADS = flags.DEFINE_integer("threads", 8, "photographs decoded at a time", 1)
_MAX_BAD = flags.DEFINE_float(
    "max_bad_percent", 5.0, "stop if more of the files cannot be read", 0.0, 100.0
)
_BATCH = 16
_GREY = 10.0  # ab units; bins whose centre is no farther from grey are near-grey


def main(argv: Sequence[str]) -> None:
    """Count, save, and say what is common and what is rare."""
    cli.need_no_arguments(argv)
    if not _SOURCE.value:
        raise UserError("name photographs, for example --source=folder:photos")
    out = files.local(_OUT.value)
    files.need_place(out, "--out", b"\x93NUMPY", "array of NumPy")
    plot = files.local(_PLOT.value) if _PLOT.value else None
    if plot is not None:
        files.need_place(plot, "--plot", b"\x89PNG", "PNG file")
    settings = _settings()
    photos = _draw(library.find(settings).training)
    batches = pipeline.evaluation_batches(photos, None, settings, batch_size=_BATCH)
    counts = census.count(batches, _STRIDE.value)
    shares = census.shares(counts)
    files.save(out, lambda file: np.save(file, shares))
    print(summary(len(photos), counts))
    print(f"Train with it: --config.objective.prior={out}")
    if plot is not None:
        picture = chart.draw(shares)
        files.save(plot, lambda file: picture.save(file, "PNG"))
        print(f"Picture: {plot}")


def summary(photos: int, counts: Int64[np.ndarray, "313"]) -> str:
    """A few lines about a count."""
    shares = census.shares(counts)
    order = np.argsort(-counts, kind="stable")
    present = order[: np.count_nonzero(counts)]
    grey = np.linalg.norm(bins.CENTRES, axis=1) <= _GREY
    return "\n".join(
        [
            f"photographs    {photos}",
            f"pixels         {counts.sum()}",
            f"near grey      {shares[grey].sum():.1%} within {_GREY:g} ab units",
            f"most frequent  {_list(present[:5], shares)}",
            f"least frequent {_list(present[::-1][:5], shares)}",
            f"never          {len(counts) - len(present)} of {len(counts)} bins",
        ]
    )


def _list(chosen: np.ndarray, shares: Float[np.ndarray, "313"]) -> str:
    return ", ".join(
        "({:g}, {:g}) {:.2g} %".format(*bins.CENTRES[i], 100 * shares[i])
        for i in chosen
    )


def _draw(photos: Photographs) -> Photographs:
    if not 0 < _SAMPLES.value < len(photos):
        return photos
    rng = np.random.default_rng(_SEED.value)
    chosen = rng.choice(len(photos), _SAMPLES.value, replace=False)
    return photos[np.sort(chosen)]


def _settings() -> config.Data:
    source = str(_SOURCE.value)
    rules.check_source(source, "--source")
    return config.Data(
        source=source,
        train_split=_SPLIT.value,
        validation_split="",
        validation_percent=0.0,
        max_bad_percent=_MAX_BAD.value,
        fit="crop",
        short_side=_SIZE.value,
        size=_SIZE.value,
        flip=False,
        augment=config.Augment(),
        threads=_THREADS.value,
        workers=0,
    )


if __name__ == "__main__":
    cli.run(main)
