"""Datasets of TensorFlow Datasets, prepared elsewhere, read without TensorFlow.

Pictures are read as the encoded files that they were stored as; no other feature of an
example is decoded. A dataset is looked for where TFDS keeps them: in $TFDS_DATA_DIR, or
else ~/tensorflow_datasets.
"""

import dataclasses
import functools
import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int32
from tensorflow_datasets.core import read_only_builder

from colorflax.data import digests
from colorflax.data.photographs import Content, Photographs
from colorflax.disk import files
from colorflax.errors import UserError

_log = logging.getLogger(__name__)

_FORMAT = "array_record"  # the one that TFDS and grain read in any order


@dataclasses.dataclass(frozen=True)
class Examples:
    """One split of a dataset in a folder; each process opens it once."""

    folder: str
    split: str
    feature: str  # which one is the picture
    dataset: str  # its name, for messages

    def read(self, row: int) -> Content:
        """The picture file in example number `row`."""
        name = f"tfds:{self.dataset} {self.split}, example {row}"
        examples, image = _opened(self.folder, self.split, self.feature)
        try:
            example = image.deserialize_example_np(
                examples[row], decoders={self.feature: tfds.decode.SkipDecoding()}
            )
        except Exception as error:  # array_record and protobuf raise many kinds
            reason = str(error).partition("\n")[0]
            raise UserError(f"{name}: cannot be read ({reason})") from None
        return Content(bytes(example[self.feature]), name)


class Dataset:
    """A prepared dataset as a library of splits.

    Args:
        name: NAME[/CONFIG][:VERSION], the newest version unless one is given.
        max_bad_percent: of what is taken; `take` raises if more cannot be decoded.

    Raises:
        UserError: it is not there, not random access, or not of pictures.
    """

    def __init__(self, name: str, max_bad_percent: float) -> None:
        self._max_bad_percent = max_bad_percent
        try:
            self._builder = _find(name)
            self._feature = _picture(dict(self._builder.info.features))
        except UserError as error:
            raise UserError(f"tfds:{name}: {error}") from None

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many examples each split has."""
        return {k: v.num_examples for k, v in self._builder.info.splits.items()}

    def take(self, name: str, part: range) -> Photographs:
        """Those examples of a split whose picture can be decoded."""
        info = self._builder.info
        paths = [os.fspath(path) for path in sorted(info.splits[name].filepaths)]
        source = Examples(str(self._builder.data_dir), name, self._feature, info.name)
        state = _state(paths, self._feature)
        found = digests.of(source, part, state, info.full_name, self._max_bad_percent)
        rows = np.arange(part.start, part.stop)
        good = found.any(axis=1)
        return Photographs(source, rows[good], found[good])


def labels(photos: Photographs) -> tuple[tuple[str, ...], Int32[np.ndarray, " n"]]:
    """Names of the classes, and that of each photograph: the feature `label`.

    Every example is read again for it, once; then the classes are remembered.

    Raises:
        UserError: the dataset has no ClassLabel of this name.
    """
    source = photos.source
    assert isinstance(source, Examples)
    builder = tfds.builder_from_directory(source.folder, file_format=_FORMAT)
    feature: Any = dict(builder.info.features).get("label")
    if type(feature) is not tfds.features.ClassLabel or not feature.num_classes:
        raise UserError(f"tfds:{source.dataset}: no feature `label` with classes in it")
    shards = [os.fspath(path) for path in builder.info.splits[source.split].filepaths]
    rows = hashlib.sha256(photos.rows.astype("<i8").tobytes()).hexdigest()
    state = _state(sorted(shards), f"label {rows}")
    remembered = files.cache("index") / f"{state}-labels.npy"
    try:
        return tuple(feature.names), np.load(remembered, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        _log.info("tfds:%s: reading %d labels", source.dataset, len(photos))
    examples, label = _opened(source.folder, source.split, "label")
    found = [label.deserialize_example_np(examples[row]) for row in photos.rows]
    classes = np.array([example["label"] for example in found], np.int32)
    files.remember(remembered, lambda file: np.save(file, classes), remembered)
    return tuple(feature.names), classes


def _find(name: str) -> Any:
    data_dir = os.environ.get("TFDS_DATA_DIR")
    build = f"tfds build {name} --file_format={_FORMAT}"
    try:
        # Never from the dataset's code, which may import TensorFlow.
        builder = read_only_builder.builder_from_files(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        place = data_dir or "~/tensorflow_datasets"
        raise UserError(
            f"not prepared in {place}; where TensorFlow is installed (pip install "
            f"tensorflow tensorflow-datasets), run: {build}"
        ) from None
    except (ValueError, OSError) as error:
        raise UserError(str(error).partition("\n")[0]) from None
    formats = builder.info.available_file_formats()
    if tfds.core.FileFormat.ARRAY_RECORD not in formats:
        raise UserError(
            f"prepared as {builder.info.file_format.value}, which cannot be read in "
            "any order; where TensorFlow is installed, run: tfds convert_format "
            f"--dataset_version_dir={builder.data_dir} --out_file_format={_FORMAT}"
        )
    return builder


def _picture(features: Mapping[str, Any]) -> str:
    """The name of the feature that is the photograph."""
    images = [
        name
        for name, feature in features.items()
        if type(feature) is tfds.features.Image and feature.np_dtype == np.uint8
    ]
    if len(images) == 1:
        return images[0]
    if "image" in images:
        return "image"
    kinds = ", ".join(f"{n} ({type(f).__name__})" for n, f in sorted(features.items()))
    count = "several" if images else "no"
    raise UserError(f"{count} features are 8-bit pictures, of {kinds}")


def _state(paths: Sequence[str], feature: str) -> str:
    """Another text once the dataset's files are others."""
    try:
        stats = [os.stat(path) for path in paths]
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    tokens = [
        f"{os.path.abspath(path)}|{stat.st_size}|{stat.st_mtime_ns}"
        for path, stat in zip(paths, stats, strict=True)
    ]
    return hashlib.sha256("\n".join([feature, *tokens]).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def _opened(folder: str, split: str, feature: str) -> tuple[Sequence[bytes], Any]:
    """Serialised examples, and how to read the picture alone from one."""
    builder = tfds.builder_from_directory(folder, file_format=_FORMAT)
    examples = builder.as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    image = tfds.features.FeaturesDict({feature: builder.info.features[feature]})
    return examples, image
