"""A photograph is the same wherever it is kept, and so is every batch made of it.

The TFDS datasets here are real ones: ArrayRecord shards and metadata, written with the
library's own classes, none of which need TensorFlow.
"""

import dataclasses
import hashlib
import io
import itertools
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from PIL import Image
from tensorflow_datasets.proto import tf_example_generated_pb2

from colorflax import assemble, config, splits
from colorflax.data import labels, library, packed, pipeline, prepared, shards
from colorflax.data.records import Record
from colorflax.errors import UserError
from configs import fusion

SETTINGS = dataclasses.replace(
    config.parse(fusion.get_config()).data,
    size=8,
    short_side=10,
    threads=2,
    validation_percent=0.0,
)
BACKBONE = {
    "name": "inception_resnet_v2",
    "weights": "imagenet",
    "fingerprint": "0123456789abcdef",
}
N = 24


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORFLAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def _pictures(n: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    files = []
    for _ in range(n):
        file = io.BytesIO()
        pixels = rng.integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        files.append(file.getvalue())
    return files


def _sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


def _label(file: bytes) -> int:
    """A stand-in for a class; -1 is none."""
    return hashlib.sha256(file).digest()[0] % 4 - 1


def _vector(file: bytes) -> np.ndarray:
    """A stand-in for an embedding, from which its photograph can be told."""
    return np.frombuffer(hashlib.sha256(file).digest(), np.uint8).astype(np.float16)


def _write_folder(place: Path, files: list[bytes]) -> str:
    place.mkdir()
    for i, file in enumerate(files):
        (place / f"{i}.png").write_bytes(file)
    return f"folder:{place}"


def _write_records(
    place: Path, files: list[bytes], backbone: dict[str, str] | None = None
) -> str:
    place.mkdir()
    files = sorted(files, key=_sha256)
    records = [
        Record(_sha256(file), file, _vector(file) if backbone else None)
        for file in files
    ]
    half = -(-len(records) // 2)  # more than one shard, where there is enough
    count = -(-len(records) // half)
    for k in range(count):
        shards.write(place / shards.name(k, count), records[k * half : (k + 1) * half])
    hashes = [record.sha256 for record in records]
    shards.finish(place, hashes, half, {"backbone": backbone})
    return f"records:{place}"


def _write_tfds(
    data_dir: Path,
    contents: dict[str, list[bytes]],
    *,
    name: str = "tiny_photos",
    version: str = "1.2.3",
    features: dict[str, Any] | None = None,
    file_format: str = "array_record",
) -> str:
    """A dataset as `tfds build` leaves it, each split in two shards."""
    place = data_dir / name / version
    place.mkdir(parents=True)
    features = features or {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(num_classes=3),
        "mask": tfds.features.LabeledImage(labels=2, shape=(None, None, 1)),
    }
    infos = []
    for split, files in contents.items():
        template = tfds.core.ShardedFileTemplate(
            data_dir=place, dataset_name=name, split=split, filetype_suffix=file_format
        )
        half = len(files) // 2
        shards = [files[:half], files[half:]]
        for i, shard in enumerate(shards):
            writer = array_record_module.ArrayRecordWriter(
                os.fspath(template.sharded_filepath(shard_index=i, num_shards=2)),
                "group_size:1",
            )
            for file in shard:
                example = tf_example_generated_pb2.Example()
                for feature in features:
                    values = example.features.feature[feature]
                    if feature == "label":
                        values.int64_list.value.append(_label(file))
                    elif feature == "mask":
                        values.bytes_list.value.append(b"no picture at all")
                    else:
                        values.bytes_list.value.append(file)
                writer.write(example.SerializeToString())
            writer.close()
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[len(shard) for shard in shards],
                num_bytes=sum(map(len, files)),
                filename_template=template,
            )
        )
    identity = tfds.core.DatasetIdentity(
        name=name,
        version=tfds.core.Version(version),
        data_dir=os.fspath(place),
        module_name=__name__,
    )
    info = tfds.core.DatasetInfo(
        builder=identity, features=tfds.features.FeaturesDict(features)
    )
    info.set_file_format(file_format)
    info.set_splits(tfds.core.splits.SplitDict(infos))
    info.write_to_directory(place)
    return f"tfds:{name}"


WRITERS: dict[str, Callable[[Path, list[bytes]], str]] = {
    "folder": lambda place, files: _write_folder(place / "folder", files),
    "records": lambda place, files: _write_records(place / "records", files, BACKBONE),
    "tfds": lambda place, files: _write_tfds(place / "tfds", {"train": files}),
}


def _settings(source: str, **changes: Any) -> config.Data:
    return dataclasses.replace(SETTINGS, source=source, **changes)


def _shas(settings: config.Data) -> tuple[list[str], list[str]]:
    training, validation = library.find(settings)
    return [p.sha256 for p in training], [p.sha256 for p in validation]


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
    files = _pictures(N)
    made = {}
    for kind, write in WRITERS.items():
        settings = _settings(write(tmp_path, files), validation_percent=40.0)
        training, validation = _shas(settings)
        assert sorted(training + validation) == sorted(map(_sha256, files))
        assert training == sorted(training)
        assert 2 <= len(validation) <= N - 2
        made[kind] = (training, _batches(settings, 3))
    for training, batches in made.values():
        assert training == made["folder"][0]
        _equal(batches, made["folder"][1])
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize("kind", WRITERS)
def test_resuming_equals_no_interruption(tmp_path: Path, kind: str) -> None:
    settings = _settings(WRITERS[kind](tmp_path, _pictures(10)))
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
    settings = _settings(WRITERS[kind](tmp_path, _pictures(n)))
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
    files = _pictures(9)
    settings = _settings(
        _write_records(tmp_path / "r", files, BACKBONE), fit="pad", flip=False
    )
    training = library.find(settings).training
    table = np.stack([_vector(photo.read().picture) for photo in training])
    wanted: dict[bytes, np.ndarray] = {}
    for photo in training:
        view = pipeline.evaluation_view(photo.read(), settings)
        wanted[view.tobytes()] = _vector(photo.read().picture)
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


@pytest.mark.parametrize(
    ("kind", "runs"),
    [
        ("folder", ["train 2 0"]),
        ("tfds", ["train 2 0"]),
        ("records", ["train 1 0", "train 2 3", "evaluate 2 0"]),
    ],
)
def test_worker_processes_change_nothing(
    tmp_path: Path, kind: str, runs: list[str]
) -> None:
    """In a program of its own, since worker processes import the main module again."""
    source = WRITERS[kind](tmp_path, _pictures(10))
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    done = subprocess.run(
        [sys.executable, program, source, "train 0 0", "evaluate 0 0", *runs],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout.splitlines()[-1])
    assert len(set(made["train 0 0"])) == 5
    for run in runs:
        side, _, start = run.split()
        assert made[run] == made[f"{side} 0 0"][int(start) :]


_PROGRAM = """
import dataclasses, hashlib, itertools, json, sys
from absl import flags
from colorflax import config
from colorflax.data import library, pipeline
from configs import fusion

def digest(batch):
    text = b"".join(key.encode() + batch[key].tobytes() for key in sorted(batch))
    return hashlib.sha256(text).hexdigest()

if __name__ == "__main__":
    flags.FLAGS.mark_as_parsed()
    source, *runs = sys.argv[1:]
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
    print(json.dumps(made))
"""


# Splits


@pytest.mark.parametrize("kind", ["folder", "records"])
def test_slices_follow_the_order_of_content(tmp_path: Path, kind: str) -> None:
    files = _pictures(10)
    source = WRITERS[kind](tmp_path, files)
    everything = sorted(map(_sha256, files))
    sides = _shas(
        _settings(source, train_split="train[:70%]", validation_split="train[70%:]")
    )
    assert sides == (everything[:7], everything[7:])
    # By content within the slice, where no other is named.
    training, validation = _shas(
        _settings(source, train_split="train[2:]", validation_percent=50.0)
    )
    assert sorted(training + validation) == everything[2:]


def test_builtin_can_be_divided_too() -> None:
    whole, same = _shas(_settings("builtin"))
    assert whole == same
    sides = _shas(
        _settings("builtin", train_split="train[:6]", validation_split="train[6:]")
    )
    assert sides == (whole[:6], whole[6:])


@pytest.mark.parametrize(
    "text",
    [
        "train",
        "train[:33%]",
        "train[50%:]",
        "train[-30%:]",
        "train[3:-2]",
        "train[1:7]",
    ],
)
def test_slices_mean_what_they_mean_in_tfds(tmp_path: Path, text: str) -> None:
    files = _pictures(11)
    source = _write_tfds(tmp_path / "tfds", {"train": files, "test": _pictures(3, 9)})
    theirs = tfds.builder_from_directory(tmp_path / "tfds/tiny_photos/1.2.3")
    wanted = [
        _sha256(example["image"])
        for example in theirs.as_data_source(
            text,
            decoders={
                "image": tfds.decode.SkipDecoding(),
                "mask": tfds.decode.SkipDecoding(),
            },
        )
    ]
    training, validation = _shas(
        _settings(source, train_split=text, validation_split="test[:2]")
    )
    assert training == sorted(wanted)
    assert validation == sorted(map(_sha256, _pictures(3, 9)[:2]))
    assert len(wanted) == len(splits.parse(text).of(11))


def test_what_validation_shows_is_not_trained_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = _pictures(8)
    source = _write_tfds(
        tmp_path / "tfds", {"train": files[:6] + files[:1], "validation": files[4:]}
    )
    with caplog.at_level(logging.WARNING, logger="colorflax"):
        training, validation = _shas(_settings(source, validation_split="validation"))
    assert training == sorted(map(_sha256, files[:4]))
    assert validation == sorted(map(_sha256, files[4:]))
    assert "2 photographs are in both splits" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_split": "test"},
            "no split 'test' here; there is train",
        ),
        (
            {"train_split": "train[:50]"},
            r"train\[:50\] reaches beyond the 10 photographs",
        ),
        (
            {"train_split": "train[5:2%]"},
            r"train\[5:2%\] holds none of the 10 photographs",
        ),
        (
            {"train_split": "train[:50%]", "validation_split": "train[3:8]"},
            r"train\[:50%\] and train\[3:8\] share 2 photographs; let one end",
        ),
        (
            {"validation_percent": 0.001},
            "10 photographs leave none for validation; add more, or change --config",
        ),
    ],
)
@pytest.mark.parametrize("kind", WRITERS)
def test_splits_that_cannot_be(
    tmp_path: Path, kind: str, changes: dict[str, Any], message: str
) -> None:
    source = WRITERS[kind](tmp_path, _pictures(10))
    with pytest.raises(UserError, match=f"^{kind}:.*: {message}") as raised:
        library.find(_settings(source, **changes))
    assert "\n" not in str(raised.value)


# TFDS


def test_version_and_other_features(tmp_path: Path) -> None:
    """The newest version, or the one named; the broken mask is never looked at."""
    old, new = _pictures(2), _pictures(3, seed=1)
    _write_tfds(tmp_path / "tfds", {"train": old}, version="1.0.0")
    source = _write_tfds(tmp_path / "tfds", {"train": new}, version="2.0.0")
    assert _shas(_settings(source))[0] == sorted(map(_sha256, new))
    assert _shas(_settings(f"{source}:1.0.0"))[0] == sorted(map(_sha256, old))


def test_a_known_dataset_is_read_without_its_code(tmp_path: Path) -> None:
    files = _pictures(2)
    source = _write_tfds(
        tmp_path / "tfds", {"train": files}, name="imagenet2012", version="5.1.0"
    )
    assert _shas(_settings(source))[0] == sorted(map(_sha256, files))


def test_labels_of_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photograph has that of its example; read once, then remembered."""
    root = tmp_path / "tfds"
    source = _write_tfds(root, {"train": _pictures(N), "test": _pictures(5, seed=1)})
    settings = _settings(source, labels="label", validation_split="test[1:]")
    sides = library.find(settings)
    expected = [[_label(photo.read().picture) for photo in side] for side in sides]
    found = labels.find(sides, settings)
    for _ in range(2):
        assert found is not None
        assert found.names == ("0", "1", "2")
        np.testing.assert_array_equal(found.training, expected[0])
        np.testing.assert_array_equal(found.validation, expected[1])
        monkeypatch.setattr(prepared, "_opened", None)
        found = labels.find(sides, settings)


def test_a_dataset_without_classes(tmp_path: Path) -> None:
    features = {"image": tfds.features.Image(), "label": tfds.features.Scalar(np.int64)}
    source = _write_tfds(tmp_path / "tfds", {"train": _pictures(2)}, features=features)
    settings = _settings(source, labels="label")
    with pytest.raises(UserError, match="no feature `label` with classes in it"):
        labels.find(library.find(settings), settings)


def test_the_picture_is_found_by_its_type(tmp_path: Path) -> None:
    files = _pictures(2)
    source = _write_tfds(
        tmp_path / "tfds",
        {"train": files},
        features={
            "label": tfds.features.Scalar(np.int64),
            "scan": tfds.features.Image(),
        },
    )
    assert _shas(_settings(source))[0] == sorted(map(_sha256, files))


def test_bad_examples_are_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _pictures(5)
    contents = [*files[:3], b"no picture", files[3], files[4][:60]]
    source = _write_tfds(tmp_path / "tfds", {"train": contents})
    read = prepared.Examples.read
    calls: list[int] = []
    monkeypatch.setattr(
        prepared.Examples,
        "read",
        lambda self, row: calls.append(row) or read(self, row),
    )
    for expected in (range(6), ()):  # the second time from memory
        caplog.clear()
        calls.clear()
        with caplog.at_level(logging.INFO, logger="colorflax"):
            training, _ = _shas(_settings(source, max_bad_percent=50.0))
        assert training == sorted(map(_sha256, files[:4]))
        name = "tfds:tiny_photos train, example 3: not a picture that can be read"
        assert name in caplog.text
        assert "train, example 5: " in caplog.text
        assert set(calls) == {3, 5} | set(expected)
    with pytest.raises(UserError, match=r"tiny_photos/1.2.3: 2 of 6 .*percent=5\)"):
        library.find(_settings(source))


def _no_picture(root: Path) -> str:
    features = {"label": tfds.features.Scalar(np.int64)}
    return _write_tfds(root, {"train": [b"", b""]}, features=features)


def _several_pictures(root: Path) -> str:
    features = {"left": tfds.features.Image(), "right": tfds.features.Image()}
    return _write_tfds(root, {"train": _pictures(2)}, features=features)


def _no_shard(root: Path) -> str:
    source = _write_tfds(root, {"train": _pictures(2)})
    next(root.glob("*/*/*train*")).unlink()
    return source


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda root: "tfds:flowers",
            "tfds:flowers: not prepared in .*/tfds; where TensorFlow is installed .* "
            "run: tfds build flowers --file_format=array_record",
        ),
        (
            lambda root: "tfds:coco/2017",
            "not prepared .* tfds build coco/2017 --file_format=array_record",
        ),
        (
            lambda root: _write_tfds(root, {"train": _pictures(2)}) + ":9.9.9",
            "tfds:tiny_photos:9.9.9: not prepared in",
        ),
        (
            lambda root: _write_tfds(
                root, {"train": _pictures(2)}, file_format="tfrecord"
            ),
            "tfds:tiny_photos: prepared as tfrecord, .* run: tfds convert_format "
            "--dataset_version_dir=.*/tiny_photos/1.2.3 --out_file_format=array_record",
        ),
        (_no_picture, r"no features are 8-bit pictures, of label \(Scalar\)"),
        (_several_pictures, r"several features .* left \(Image\), right \(Image\)"),
        (_no_shard, "tiny_photos-train.*: No such file or directory"),
        (lambda root: "tfds:no name", "tfds:no name: .*no name"),
    ],
)
def test_datasets_that_cannot_be_read(
    tmp_path: Path, write: Callable[[Path], str], message: str
) -> None:
    source = write(tmp_path / "tfds")
    with pytest.raises(UserError, match=message) as raised:
        library.find(_settings(source))
    assert "\n" not in str(raised.value)


# Records


def _features(**changes: Any) -> config.Features:
    features = config.parse(fusion.get_config()).features
    return dataclasses.replace(features, on_missing="error", **changes)


def test_stored_embeddings_are_used(tmp_path: Path, keras_home: Path) -> None:
    """Also where the weights that made them cannot be had."""
    source = _write_records(tmp_path / "r", _pictures(4), BACKBONE)
    sides = library.find(_settings(source))
    embeddings, record = assemble._embed(sides, _features(), None)
    assert embeddings == ("stored", "stored")
    assert record == BACKBONE
    assert assemble._embed(sides, _features(), BACKBONE)[1] == BACKBONE
    assert assemble._embed(sides, _features(name="none"), None) == ((None, None), None)


@pytest.mark.parametrize(
    ("stored", "before", "message"),
    [
        (
            BACKBONE | {"weights": "random:0"},
            None,
            "hold embeddings by inception_resnet_v2 with random:0 weights, not by "
            "inception_resnet_v2 with imagenet; change --config.features or prepare",
        ),
        (
            BACKBONE | {"name": "vgg16"},
            None,
            "hold embeddings by vgg16 with imagenet weights, not by inception",
        ),
        (
            BACKBONE,
            BACKBONE | {"fingerprint": "f" * 16},
            "the inception_resnet_v2 weights differ from those that this run began",
        ),
    ],
)
def test_embeddings_by_another_backbone(
    tmp_path: Path,
    stored: dict[str, str],
    before: dict[str, str] | None,
    message: str,
) -> None:
    sides = library.find(
        _settings(_write_records(tmp_path / "r", _pictures(3), stored))
    )
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        assemble._embed(sides, _features(), before)
    assert "\n" not in str(raised.value)


def test_records_without_embeddings(tmp_path: Path, keras_home: Path) -> None:
    """They are computed as for any source, and it is an error to expect them stored."""
    sides = library.find(_settings(_write_records(tmp_path / "r", _pictures(3))))
    assert packed.backbone(sides.training) is None
    with pytest.raises(UserError):  # the weights cannot be had
        assemble._embed(sides, _features(), None)
    batches: Iterator[pipeline.HostBatch] = pipeline.training_batches(
        sides.training, "stored", SETTINGS, seed=0, batch_size=1
    )
    with pytest.raises(UserError, match=r"r, record \d: holds no embedding"):
        next(batches)


def test_records_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: no finished records here"):
        library.find(_settings(f"records:{tmp_path}/nowhere"))
