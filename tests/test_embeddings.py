"""The cache of embeddings, filled by a classifier of one convolution."""

import hashlib
import logging
from pathlib import Path

import jobs
import numpy as np
import pytest
from PIL import Image

from colorflax import features, prepare
from colorflax.data import packed, photographs
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.features import embeddings
from colorflax.preparation import audit, reencode
from colorflax.preparation import run as preparation


class Album:
    """Four small pictures that count how often they are opened."""

    def __init__(self):
        self.opened = []

    def photographs(self, n=4):
        return [
            (hashlib.sha256(bytes([i])).hexdigest(), self._open(i)) for i in range(n)
        ]

    def _open(self, i):
        def picture():
            self.opened.append(i)
            rng = np.random.default_rng(i)
            return Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8))

        return picture


@pytest.fixture
def builds(monkeypatch):
    built = []
    build = embeddings.build
    monkeypatch.setattr(
        embeddings, "build", lambda choice: built.append(choice) or build(choice)
    )
    return built


def random_choice(name, seed=0):
    return features.Choice(name=name, weights="random", seed=seed)


def test_each_photograph_is_embedded_once(tiny, tmp_path, builds):
    album = Album()
    choice = random_choice(tiny)
    part = features.embed_photographs(album.photographs(2), choice, cache_dir=tmp_path)
    whole = features.embed_photographs(
        album.photographs() + album.photographs(1),
        choice,
        cache_dir=tmp_path,
        batch=1,
    )
    again = features.embed_photographs(album.photographs(), choice, cache_dir=tmp_path)
    assert sorted(album.opened) == [0, 1, 2, 3]
    assert len(builds) == 2
    np.testing.assert_array_equal(whole.vectors[4], whole.vectors[0])
    np.testing.assert_array_equal(whole.vectors[:2], part.vectors)
    np.testing.assert_array_equal(again.vectors, whole.vectors[:4])
    assert (again.name, again.weights) == ("tiny", "random:0")
    backbone = features.build(choice)
    assert again.fingerprint == backbone.fingerprint
    pictures = [features.fit(o(), 32) for _, o in album.photographs()]
    np.testing.assert_allclose(again.vectors, backbone(np.stack(pictures)), atol=1e-5)


def test_progress_is_logged(tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(embeddings, "_LOG_EVERY", 3)
    with caplog.at_level(logging.INFO, "colorflax"):
        features.embed_photographs(
            Album().photographs(10), random_choice(tiny), cache_dir=tmp_path, batch=2
        )
    assert caplog.messages == [
        "embedded 4 of 10",
        "embedded 6 of 10",
        "embedded 10 of 10",
    ]


@pytest.mark.usefixtures("own_places")
def test_vectors_are_kept_in_the_cache_unless_told_otherwise(tiny, tmp_path):
    choice = random_choice(tiny)
    features.embed_photographs(Album().photographs(1), choice)
    entries = (tmp_path / "cache" / "embeddings" / choice.key).rglob("*.f32")
    assert len(list(entries)) == 1


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_entry_is_computed_again(tiny, tmp_path, damage):
    album = Album()
    choice = random_choice(tiny)
    first = features.embed_photographs(album.photographs(), choice, cache_dir=tmp_path)
    entry = next(tmp_path.rglob(f"{album.photographs()[1][0]}.f32"))
    good = entry.read_bytes()
    flipped = good[:99] + bytes([good[99] ^ 1]) + good[100:]
    entry.write_bytes({"cut": good[:50], "flip": flipped, "empty": b""}[damage])
    album.opened.clear()
    second = features.embed_photographs(album.photographs(), choice, cache_dir=tmp_path)
    assert album.opened == [1]
    np.testing.assert_allclose(second.vectors, first.vectors, atol=1e-5)
    assert entry.read_bytes()[:400] == second.vectors[1].tobytes()[:400]


def test_an_interrupted_write_leaves_nothing(tiny, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(UserError, match="No space left"):
        features.embed_photographs(
            Album().photographs(), random_choice(tiny), cache_dir=tmp_path
        )
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_cache_that_cannot_be_made_is_a_user_error(tiny, tmp_path, builds):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be kept"):
        features.embed_photographs(
            Album().photographs(), random_choice(tiny), cache_dir=tmp_path / "file"
        )
    assert builds == []


def test_random_vectors_never_pass_for_pretrained(tiny, tmp_path, publish, builds):
    album = Album()
    wanted = features.Choice(name=tiny)
    cache = tmp_path / "cache"
    fallen = features.embed_photographs(album.photographs(), wanted, cache_dir=cache)
    assert fallen.weights == "random:0"
    cached = features.embed_photographs(album.photographs(), wanted, cache_dir=cache)
    assert (cached.weights, cached.fingerprint) == ("random:0", fallen.fingerprint)
    assert len(builds) == 1

    path = publish(seed=7)
    wanted = features.Choice(name=tiny)
    real = features.embed_photographs(album.photographs(2), wanted, cache_dir=cache)
    assert real.weights == "imagenet"
    assert real.fingerprint != fallen.fingerprint
    assert np.abs(real.vectors - fallen.vectors[:2]).max() > 0.1

    path.unlink()  # what is cached needs no weights; one more photograph does
    same = features.embed_photographs(album.photographs(2), wanted, cache_dir=cache)
    assert (same.weights, same.fingerprint) == ("imagenet", real.fingerprint)
    mixed = features.embed_photographs(album.photographs(3), wanted, cache_dir=cache)
    assert mixed.weights == "random:0"
    np.testing.assert_array_equal(mixed.vectors, fallen.vectors[:3])


def test_vectors_of_other_weights_under_the_same_name_are_not_mixed(tiny, tmp_path):
    album = Album()
    choice = random_choice(tiny)
    first = features.embed_photographs(album.photographs(2), choice, cache_dir=tmp_path)
    folder = tmp_path / choice.key
    (folder / first.fingerprint).rename(folder / ("f" * 64))
    record = (folder / "backbone.json").read_text()
    record = record.replace(first.fingerprint, "f" * 64)
    (folder / "backbone.json").write_text(record)
    album.opened.clear()
    second = features.embed_photographs(
        album.photographs(3), choice, cache_dir=tmp_path
    )
    assert sorted(album.opened) == [0, 1, 2]
    assert second.fingerprint == first.fingerprint


def test_embeddings_in_records_are_those_made_on_the_fly(tiny, tmp_path, photos):
    """Packed beside the photograph as float16, or computed from the file itself."""
    job = jobs.job(
        [photos],
        tmp_path / "packed",
        form=reencode.Format(short_side=16),
        thresholds=audit.Thresholds(min_side=16, min_spread=0.0),
        embedding={"features": tiny},
        embedder=prepare.Features(features=tiny, features_weights="random").load,
    )
    assert preparation.run(job)
    records = packed.find(tmp_path / "packed")
    files = photographs.folder(Path(photos))
    assert len(records) == len(files) == 12
    fresh = features.embed_photographs(
        [(packed.identity(photo), photo.open) for photo in files],
        random_choice(tiny),
        cache_dir=tmp_path / "cache",
    )
    backbone = {"name": tiny, "weights": "random:0", "fingerprint": fresh.fingerprint}
    assert packed.backbone(records) == backbone
    stored = np.stack([photo.read().embedding for photo in records])
    order = {photo.sha256: i for i, photo in enumerate(files)}
    expected = fresh.vectors[[order[photo.sha256] for photo in records]]
    np.testing.assert_allclose(stored, expected, rtol=1e-3, atol=1e-6)


def test_a_smaller_copy_is_another_picture(tmp_path, photos):
    """What was computed from the file never passes for what its record shows."""
    keys = []
    for side in (16, 20):
        out = tmp_path / str(side)
        job = jobs.job(
            [photos],
            out,
            form=reencode.Format(short_side=side),
            thresholds=audit.Thresholds(min_side=16, min_spread=0.0),
        )
        assert preparation.run(job)
        keys += [packed.identity(photo) for photo in packed.find(out)]
    keys += [packed.identity(photo) for photo in photographs.folder(Path(photos))]
    assert len(set(keys)) == 3 * 12
