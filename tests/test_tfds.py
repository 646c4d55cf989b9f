"""Datasets of TFDS: read without TensorFlow, and what cannot be read is named."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sources import divided, label, pictures, settings_for, sha256, write_tfds

from colorflax.data import labels, library, prepared
from colorflax.errors import UserError

pytestmark = pytest.mark.usefixtures("own_places")


def test_version_and_other_features(tmp_path: Path) -> None:
    """The newest version, or the one named; the broken mask is never looked at."""
    old, new = pictures(2), pictures(3, seed=1)
    write_tfds(tmp_path / "tfds", {"train": old}, version="1.0.0")
    source = write_tfds(tmp_path / "tfds", {"train": new}, version="2.0.0")
    assert divided(settings_for(source))[0] == sorted(map(sha256, new))
    assert divided(settings_for(f"{source}:1.0.0"))[0] == sorted(map(sha256, old))


def test_a_known_dataset_is_read_without_its_code(tmp_path: Path) -> None:
    files = pictures(2)
    source = write_tfds(
        tmp_path / "tfds", {"train": files}, name="imagenet2012", version="5.1.0"
    )
    assert divided(settings_for(source))[0] == sorted(map(sha256, files))


def test_labels_of_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photograph has that of its example; read once, then remembered."""
    root = tmp_path / "tfds"
    source = write_tfds(root, {"train": pictures(24), "test": pictures(5, seed=1)})
    settings = settings_for(source, labels="label", validation_split="test[1:]")
    sides = library.find(settings)
    expected = [[label(photo.read().picture) for photo in side] for side in sides]
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
    source = write_tfds(tmp_path / "tfds", {"train": pictures(2)}, features=features)
    settings = settings_for(source, labels="label")
    with pytest.raises(UserError, match="no feature `label` with classes in it"):
        labels.find(library.find(settings), settings)


def test_the_picture_is_found_by_its_type(tmp_path: Path) -> None:
    files = pictures(2)
    source = write_tfds(
        tmp_path / "tfds",
        {"train": files},
        features={
            "label": tfds.features.Scalar(np.int64),
            "scan": tfds.features.Image(),
        },
    )
    assert divided(settings_for(source))[0] == sorted(map(sha256, files))


def test_bad_examples_are_named_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = pictures(5)
    contents = [*files[:3], b"no picture", files[3], files[4][:60]]
    source = write_tfds(tmp_path / "tfds", {"train": contents})
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
            training, _ = divided(settings_for(source, max_bad_percent=50.0))
        assert training == sorted(map(sha256, files[:4]))
        name = "tfds:tiny_photos train, example 3: not a picture that can be read"
        assert name in caplog.text
        assert "train, example 5: " in caplog.text
        assert set(calls) == {3, 5} | set(expected)
    with pytest.raises(UserError, match=r"tiny_photos/1.2.3: 2 of 6 .*percent=5\)"):
        library.find(settings_for(source))


def _no_picture(root: Path) -> str:
    features = {"label": tfds.features.Scalar(np.int64)}
    return write_tfds(root, {"train": [b"", b""]}, features=features)


def _several_pictures(root: Path) -> str:
    features = {"left": tfds.features.Image(), "right": tfds.features.Image()}
    return write_tfds(root, {"train": pictures(2)}, features=features)


def _no_shard(root: Path) -> str:
    source = write_tfds(root, {"train": pictures(2)})
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
            lambda root: write_tfds(root, {"train": pictures(2)}) + ":9.9.9",
            "tfds:tiny_photos:9.9.9: not prepared in",
        ),
        (
            lambda root: write_tfds(
                root, {"train": pictures(2)}, file_format="tfrecord"
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
        library.find(settings_for(source))
    assert "\n" not in str(raised.value)
