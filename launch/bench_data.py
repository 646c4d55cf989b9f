"""Decoding beside PyTorch's DataLoader, and how long a training step waits for it.

    python -m launch.bench data --photos=DIR [--records=RECORDS]

Without --photos the built-in photographs are read; RECORDS are the same photographs as
packed by colorflax.prepare. Both contestants do the same work: read a file, resize its
short side, crop at random, mirror, and collect uint8 batches, at 64 px as in the
configs and at 224 px as is usual for ImageNet. Each contestant runs alone, a round at a
time in turn, from a cold start of its workers. They are warmed up, their buffers are
emptied, and then they are timed.
"""

import collections
import dataclasses
import importlib.util
import io
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np
from absl import flags
from PIL import Image

from colorflax import config
from colorflax.data import packed, pipeline
from colorflax.data.photographs import Photographs
from colorflax.errors import UserError
from colorflax.training import steps
from colorflax.training.tasks import Colorization
from configs import fusion
from launch import pictures

_RECORDS = flags.DEFINE_string(
    "records", None, "data: the photographs as packed by colorflax.prepare"
)
_PARALLEL = flags.DEFINE_integer(
    "parallel", os.cpu_count() or 1, "data: threads or workers of each contestant", 1
)
_VIEWS = (72, 64), (256, 224)  # short side and crop, px
_BATCH = 32
_WARM, _TIMED = 6, 12  # batches
_STEPS, _STEP_BATCH = 6, 8  # of training

Contestant = Callable[[], Iterator[Any]]


def bench_data(rounds: int) -> None:
    """Photographs per second, and the share of time that training waits."""
    photos = pictures.photos()
    records = packed.find(Path(_RECORDS.value)) if _RECORDS.value else None
    print(f"{_kinds(photos)}; batches of {_BATCH}")
    if records is not None:
        print(f"  records: {_kinds(records)}")
    print("  photographs per second; as a multiple of the DataLoader and with draft")
    for short_side, size in _VIEWS:
        settings = dataclasses.replace(
            config.parse(fusion.get_config()).data, short_side=short_side, size=size
        )
        print(f"  short side {short_side}, crop {size}:")
        _compare(photos, records, settings, min(rounds, 3))
        waiting, total = _wait(photos, settings)
        print(f"    training fusion, batch {_STEP_BATCH}, {_PARALLEL.value} threads:")
        share = 100 * waiting / total
        print(f"    {total / _STEPS:.2f} s per step, {share:.1f} % of it waiting")
    print("  colorflax decodes a JPEG at 1/2, 1/4 or 1/8 where at least the short side")
    print("  remains; so does the DataLoader with draft, which few programs use.")


def _compare(
    photos: Photographs, records: Photographs | None, settings: config.Data, rounds: int
) -> None:
    n = _PARALLEL.value

    def ours(source: Photographs, threads: int, workers: int) -> Contestant:
        changed = dataclasses.replace(settings, threads=threads, workers=workers)
        return lambda: pipeline.training_batches(
            source, None, changed, seed=0, batch_size=_BATCH
        )

    contestants: dict[str, Contestant] = {
        f"folder, {n} threads": ours(photos, threads=n, workers=0),
        f"folder, {n} workers": ours(photos, threads=1, workers=n),
    }
    if records is not None:
        contestants[f"records, {n} threads"] = ours(records, threads=n, workers=0)
    contestants |= _torch(photos, settings, n)
    rates = _rates(contestants, rounds)
    references = [rates[name] for name in _names(n)]
    for name, rate in rates.items():
        ratios = "".join(f" {rate / r:7.2f}x" for r in references)
        print(f"    {name:<28} {rate:8.1f} {ratios}")


def _kinds(photos: Photographs) -> str:
    sides, formats = [], collections.Counter[str]()
    for photo in photos[:200]:
        picture = photo.read().picture  # bytes where they come from a record
        file = io.BytesIO(picture) if isinstance(picture, bytes) else picture
        with Image.open(file) as image:
            sides.append(min(image.size))
            formats[image.format or "?"] += 1
    kinds = ", ".join(f"{n} {name}" for name, n in formats.most_common())
    typical = statistics.median(sides)
    return (
        f"{len(photos)} photographs, median short side {typical:.0f} px "
        f"(of the first {len(sides)}: {kinds})"
    )


def _rates(contestants: dict[str, Contestant], rounds: int) -> dict[str, float]:
    """Median photographs per second of each, in turn."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            batches = contestant()
            for _ in range(_WARM):
                next(batches)
            start = time.perf_counter()
            for _ in range(_TIMED):
                next(batches)
            rates[name].append(_TIMED * _BATCH / (time.perf_counter() - start))
            del batches  # and with it threads and workers
    return {name: statistics.median(rate) for name, rate in rates.items()}


def _wait(photos: Photographs, data: config.Data) -> tuple[float, float]:
    """Seconds spent in `next`, and altogether, over the timed steps."""
    settings = config.parse(fusion.get_config())
    task = Colorization.build(settings, prior=None)
    lane = steps.lane(task, "jit", seed=0, devices=jax.devices()[:1])
    threads = dataclasses.replace(data, threads=_PARALLEL.value, workers=0)
    batches = pipeline.training_batches(
        photos, None, threads, seed=0, batch_size=_STEP_BATCH
    )
    state = lane.init(next(batches))
    waiting, start = 0.0, 0.0
    for step in range(_STEPS + 2):
        if step == 2:  # compiled
            waiting, start = 0.0, time.perf_counter()
        asked = time.perf_counter()
        batch = next(batches)
        waiting += time.perf_counter() - asked
        state, scalars = lane.train_step(state, batch)
        jax.block_until_ready(scalars)
    return waiting, time.perf_counter() - start


def _names(n: int) -> tuple[str, str]:
    return f"DataLoader, {n} workers", f"DataLoader, {n} workers, draft"


def _torch(photos: Photographs, settings: config.Data, n: int) -> dict[str, Contestant]:
    if importlib.util.find_spec("torch") is None:
        raise UserError("the data benchmark compares with PyTorch: pip install torch")
    from torch.utils.data import DataLoader

    def forever(draft: bool) -> Iterator[Any]:
        # Passes are joined, so that starting workers is not timed.
        paths = [Path(p.read().name) for p in photos]
        samples = _Samples(paths, settings.short_side, settings.size, draft)
        loader: Any = DataLoader(
            cast(Any, samples), batch_size=_BATCH, shuffle=True, drop_last=True,
            num_workers=n, multiprocessing_context="spawn", persistent_workers=True,
        )  # fmt: skip
        while True:
            yield from loader

    plain, draft = _names(n)
    return {plain: lambda: forever(False), draft: lambda: forever(True)}


class _Samples:
    """What a PyTorch user writes; each photograph as often as a long pass needs it."""

    def __init__(self, paths: list[Path], short_side: int, size: int, draft: bool):
        self.short_side, self.size = short_side, size
        self.paths = paths * -(-_BATCH * (_WARM + _TIMED + 4) // len(paths))
        self.draft = draft
        self.rng: np.random.Generator | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Any:
        import torch

        self.rng = self.rng or np.random.default_rng()
        across, down, mirrored = self.rng.random(3)
        with Image.open(self.paths[i]) as image:
            if self.draft:
                scale = self.short_side / min(image.size)
                w, h = (round(side * scale) for side in image.size)
                image.draft(None, (w, h))
            scale = self.short_side / min(image.size)
            w, h = (round(side * scale) for side in image.size)
            picture = image.convert("RGB").resize((w, h), Image.Resampling.BICUBIC)
        left = int(across * (picture.width - self.size + 1))
        top = int(down * (picture.height - self.size + 1))
        rgb = np.asarray(picture.crop((left, top, left + self.size, top + self.size)))
        rgb = rgb[:, ::-1] if mirrored < 0.5 else rgb
        return torch.from_numpy(rgb.copy())
