"""A photograph is the same wherever it is kept, and so is every batch made of it."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sources import (
    BACKBONE,
    WRITERS,
    divided,
    pictures,
    settings_for,
    sha256,
    vector,
    write_records,
)

from colorflax import config
from colorflax.data import library, pipeline

pytestmark = pytest.mark.usefixtures("own_places")
N = 24


def _batches(settings: config.Data, n: int, **options: Any) -> list[pipeline.HostBatch]:
    training = library.find(settings).training
    table = training.digests.astype(np.float32)
    defaults = {"seed": 1, "batch_size": 24}
    batches = pipeline.training_batches(
        training, table, settings, **(defaults | options)
    )
    return list(itertools.islice(batches, n))


def _equal(one: list[pipeline.HostBatch], other: list[pipeline.HostBatch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


def test_the_same_photographs_make_the_same_batches(tmp_path: Path) -> None:
    files = pictures(N)
    made = {}
    for kind, write in WRITERS.items():
        settings = settings_for(write(tmp_path, files), validation_percent=40.0)
        training, validation = divided(settings)
        assert sorted(training + validation) == sorted(map(sha256, files))
        assert training == sorted(training)
        assert 2 <= len(validation) <= N - 2
        made[kind] = (training, _batches(settings, 3))
    for training, batches in made.values():
        assert training == made["folder"][0]
        _equal(batches, made["folder"][1])
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize("kind", WRITERS)
def test_resuming_equals_no_interruption(tmp_path: Path, kind: str) -> None:
    settings = settings_for(WRITERS[kind](tmp_path, pictures(10)))
    straight = _batches(settings, 5, batch_size=4)
    for start in (1, 2, 4):  # in the middle of a pass and across its end
        resumed = _batches(settings, 5 - start, batch_size=4, start=start)
        _equal(resumed, straight[start:])


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_shares_are_disjoint_and_complete(
    tmp_path: Path, kind: str, processes: int
) -> None:
    """Over two passes, when neither the pass nor the share ends with a batch."""
    n, steps = 36, 3
    settings = settings_for(WRITERS[kind](tmp_path, pictures(n)))
    shares = [
        _batches(settings, steps, process=r, processes=processes)
        for r in range(processes)
    ]
    stream = []
    for k in range(steps):
        rows = [share[k]["embedding"] for share in shares]
        stream += [bytes(row.astype(np.uint8)) for row in np.concatenate(rows)]
    assert len(stream) == 2 * n
    for epoch in (stream[:n], stream[n:]):
        assert len(set(epoch)) == n


def test_rows_belong_to_their_photographs(tmp_path: Path) -> None:
    files = pictures(9)
    settings = settings_for(
        write_records(tmp_path / "r", files, BACKBONE), fit="pad", flip=False
    )
    training = library.find(settings).training
    table = np.stack([vector(photo.read().picture) for photo in training])
    wanted: dict[bytes, np.ndarray] = {}
    for photo in training:
        view = pipeline.evaluation_view(photo.read(), settings)
        wanted[view.tobytes()] = vector(photo.read().picture)
    for embeddings in ("stored", table.astype(np.float32)):
        trained = pipeline.training_batches(
            training, embeddings, settings, seed=0, batch_size=6
        )
        evaluated = pipeline.evaluation_batches(
            training, embeddings, settings, batch_size=6
        )
        for batch in [*itertools.islice(trained, 4), *evaluated]:
            assert batch["embedding"].dtype == np.float32
            real = batch["mask"] if "mask" in batch else np.ones(6, bool)
            pairs = zip(batch["rgb"][real], batch["embedding"][real], strict=True)
            for rgb, row in pairs:
                np.testing.assert_array_equal(row, wanted[rgb.tobytes()])


def test_worker_processes_change_nothing(tmp_path: Path) -> None:
    """In a program of its own, since worker processes import the main module again."""
    runs = {
        "folder": ["train 1 0"],
        "tfds": ["train 2 0"],
        "records": ["train 2 3", "evaluate 2 0"],
    }
    sources = {
        WRITERS[kind](tmp_path, pictures(10)): ["train 0 0", "evaluate 0 0", *wanted]
        for kind, wanted in runs.items()
    }
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    done = subprocess.run(
        [sys.executable, program, json.dumps(sources)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    assert printed.keys() == sources.keys()
    for source, made in printed.items():
        assert len(set(made["train 0 0"])) == 5
        for run in sources[source]:
            side, _, start = run.split()
            assert made[run] == made[f"{side} 0 0"][int(start) :], source


_PROGRAM = """
import dataclasses, hashlib, itertools, json, sys
from absl import flags
from colorflax import config
from colorflax.data import library, pipeline
from configs import fusion

def digest(batch):
    text = b"".join(key.encode() + batch[key].tobytes() for key in sorted(batch))
    return hashlib.sha256(text).hexdigest()

def all_of(source, runs):
    settings = dataclasses.replace(
        config.parse(fusion.get_config()).data, source=source, size=8, short_side=10,
        threads=2, validation_percent=0.0,
    )
    photos = library.find(settings).training
    table = "stored" if source.startswith("records") else photos.digests.astype("f4")
    made = {}
    for run in runs:
        side, workers, start = run.split()
        settings = dataclasses.replace(settings, workers=int(workers))
        if side == "train":
            batches = pipeline.training_batches(
                photos, table, settings, seed=1, batch_size=4, start=int(start)
            )
        else:
            batches = pipeline.evaluation_batches(photos, table, settings, batch_size=4)
        made[run] = [digest(b) for b in itertools.islice(batches, 5 - int(start))]
    return made

if __name__ == "__main__":
    flags.FLAGS.mark_as_parsed()
    sources = json.loads(sys.argv[1])
    print(json.dumps({name: all_of(name, runs) for name, runs in sources.items()}))
"""
