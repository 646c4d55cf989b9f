"""Records as a source: the embeddings in them are used, or refused with a reason."""

import dataclasses
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sources import BACKBONE, SETTINGS, pictures, settings_for, write_records

from colorflax import config
from colorflax.data import library, packed, pipeline
from colorflax.errors import UserError
from colorflax.training import assemble
from configs import fusion

pytestmark = pytest.mark.usefixtures("own_places")


def _features(**changes: Any) -> config.Features:
    features = config.parse(fusion.get_config()).features
    return dataclasses.replace(features, on_missing="error", **changes)


def test_stored_embeddings_are_used(tmp_path: Path, keras_home: Path) -> None:
    """Also where the weights that made them cannot be had."""
    source = write_records(tmp_path / "r", pictures(4), BACKBONE)
    sides = library.find(settings_for(source))
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
        settings_for(write_records(tmp_path / "r", pictures(3), stored))
    )
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        assemble._embed(sides, _features(), before)
    assert "\n" not in str(raised.value)


def test_records_without_embeddings(tmp_path: Path, keras_home: Path) -> None:
    """They are computed as for any source, and it is an error to expect them stored."""
    sides = library.find(settings_for(write_records(tmp_path / "r", pictures(3))))
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
        library.find(settings_for(f"records:{tmp_path}/nowhere"))


def test_records_that_are_made_anew_are_read_anew(tmp_path: Path) -> None:
    """In one process, such as a notebook's, and under the same name."""
    for count in (3, 5):
        shutil.rmtree(tmp_path / "r", ignore_errors=True)
        source = write_records(tmp_path / "r", pictures(count), BACKBONE)
        sides = library.find(settings_for(source))
        assert len([photo.read() for photo in sides.training]) == count


def test_a_process_that_comes_later_reads_the_same(tmp_path: Path) -> None:
    """A worker, which opens them for itself; or it says why it cannot."""
    write_records(tmp_path / "r", pictures(3), BACKBONE)
    photos = packed.find(tmp_path / "r")
    packed._opened.cache_clear()  # as in another process
    assert [photo.read().picture for photo in photos]
    shutil.rmtree(tmp_path / "r")
    write_records(tmp_path / "r", pictures(5), BACKBONE)
    packed._opened.cache_clear()
    with pytest.raises(UserError, match="r: these records were made anew since"):
        photos[0].read()
