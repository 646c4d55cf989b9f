"""The same photographs in a folder, in records and in a dataset of TFDS.

The datasets are real ones: ArrayRecord shards and metadata, written with the library's
own classes, none of which need TensorFlow.
"""

import dataclasses
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_module
from PIL import Image
from tensorflow_datasets.proto import tf_example_generated_pb2

from colorflax import config
from colorflax.data import library, shards
from colorflax.data.records import Record
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


def pictures(n: int, seed: int = 0) -> list[bytes]:
    """Files of noise."""
    rng = np.random.default_rng(seed)
    files = []
    for _ in range(n):
        file = io.BytesIO()
        pixels = rng.integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        files.append(file.getvalue())
    return files


def sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()


def label(file: bytes) -> int:
    """A stand-in for a class; -1 is none."""
    return hashlib.sha256(file).digest()[0] % 4 - 1


def vector(file: bytes) -> np.ndarray:
    """A stand-in for an embedding, from which its photograph can be told."""
    return np.frombuffer(hashlib.sha256(file).digest(), np.uint8).astype(np.float16)


def write_folder(place: Path, files: list[bytes]) -> str:
    place.mkdir()
    for i, file in enumerate(files):
        (place / f"{i}.png").write_bytes(file)
    return f"folder:{place}"


def write_records(
    place: Path, files: list[bytes], backbone: dict[str, str] | None = None
) -> str:
    """Where a backbone is named, with a vector to each photograph."""
    place.mkdir()
    files = sorted(files, key=sha256)
    records = [
        Record(sha256(file), file, vector(file) if backbone else None) for file in files
    ]
    half = -(-len(records) // 2)  # more than one shard, where there is enough
    count = -(-len(records) // half)
    for k in range(count):
        shards.write(place / shards.name(k, count), records[k * half : (k + 1) * half])
    hashes = [record.sha256 for record in records]
    shards.finish(place, hashes, half, {"backbone": backbone})
    return f"records:{place}"


def write_tfds(
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
        halves = [files[:half], files[half:]]
        for i, shard in enumerate(halves):
            writer = array_record_module.ArrayRecordWriter(
                os.fspath(template.sharded_filepath(shard_index=i, num_shards=2)),
                "group_size:1",
            )
            for file in shard:
                example = tf_example_generated_pb2.Example()
                for feature in features:
                    values = example.features.feature[feature]
                    if feature == "label":
                        values.int64_list.value.append(label(file))
                    elif feature == "mask":
                        values.bytes_list.value.append(b"no picture at all")
                    else:
                        values.bytes_list.value.append(file)
                writer.write(example.SerializeToString())
            writer.close()
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[len(shard) for shard in halves],
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
    "folder": lambda place, files: write_folder(place / "folder", files),
    "records": lambda place, files: write_records(place / "records", files, BACKBONE),
    "tfds": lambda place, files: write_tfds(place / "tfds", {"train": files}),
}


def settings_for(source: str, **changes: Any) -> config.Data:
    """Squares of 8 px, all to train on."""
    return dataclasses.replace(SETTINGS, source=source, **changes)


def divided(settings: config.Data) -> tuple[list[str], list[str]]:
    """The hashes of what is trained on, and of what is kept for validation."""
    training, validation = library.find(settings)
    return [p.sha256 for p in training], [p.sha256 for p in validation]
