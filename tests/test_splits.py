"""Splits and their slices: what is trained on, what is shown, and never both."""

import logging
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds
from sources import WRITERS, divided, pictures, settings_for, sha256, write_tfds

from colorflax.config import splits
from colorflax.data import library
from colorflax.errors import UserError

pytestmark = pytest.mark.usefixtures("own_places")


@pytest.mark.parametrize("kind", ["folder", "records"])
def test_slices_follow_the_order_of_content(tmp_path: Path, kind: str) -> None:
    files = pictures(10)
    source = WRITERS[kind](tmp_path, files)
    everything = sorted(map(sha256, files))
    sides = divided(
        settings_for(source, train_split="train[:70%]", validation_split="train[70%:]")
    )
    assert sides == (everything[:7], everything[7:])
    # By content within the slice, where no other is named.
    training, validation = divided(
        settings_for(source, train_split="train[2:]", validation_percent=50.0)
    )
    assert sorted(training + validation) == everything[2:]


def test_builtin_can_be_divided_too() -> None:
    whole, same = divided(settings_for("builtin"))
    assert whole == same
    sides = divided(
        settings_for("builtin", train_split="train[:6]", validation_split="train[6:]")
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
    files = pictures(11)
    source = write_tfds(tmp_path / "tfds", {"train": files, "test": pictures(3, 9)})
    theirs = tfds.builder_from_directory(tmp_path / "tfds/tiny_photos/1.2.3")
    wanted = [
        sha256(example["image"])
        for example in theirs.as_data_source(
            text,
            decoders={
                "image": tfds.decode.SkipDecoding(),
                "mask": tfds.decode.SkipDecoding(),
            },
        )
    ]
    training, validation = divided(
        settings_for(source, train_split=text, validation_split="test[:2]")
    )
    assert training == sorted(wanted)
    assert validation == sorted(map(sha256, pictures(3, 9)[:2]))
    assert len(wanted) == len(splits.parse(text).of(11))


def test_what_validation_shows_is_not_trained_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = pictures(8)
    source = write_tfds(
        tmp_path / "tfds", {"train": files[:6] + files[:1], "validation": files[4:]}
    )
    with caplog.at_level(logging.WARNING, logger="colorflax"):
        training, validation = divided(
            settings_for(source, validation_split="validation")
        )
    assert training == sorted(map(sha256, files[:4]))
    assert validation == sorted(map(sha256, files[4:]))
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
    source = WRITERS[kind](tmp_path, pictures(10))
    with pytest.raises(UserError, match=f"^{kind}:.*: {message}") as raised:
        library.find(settings_for(source, **changes))
    assert "\n" not in str(raised.value)
