"""Records: what goes in comes out, and damage is named."""

import hashlib
import json
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colorflax.data import shards
from colorflax.data.records import Record, Records, pack, unpack
from colorflax.errors import UserError

RNG = np.random.default_rng(0)


def _record(i: int, width: int = 5) -> Record:
    image = RNG.bytes(40 + i)
    vector = RNG.normal(size=width).astype(np.float16) if width else None
    return Record(hashlib.sha256(image).hexdigest(), image, vector)


def _folder(root: Path, n: int = 7, size: int = 3) -> list[Record]:
    records = [_record(i) for i in range(n)]
    count = -(-n // size)
    for k in range(count):
        chunk = records[k * size : (k + 1) * size]
        shards.write(root / shards.name(k, count), chunk)
    hashes = [record.sha256 for record in records]
    shards.finish(root, hashes, size, {"backbone": None, "counts": {"ok": n}})
    return records


def _same(a: Record, b: Record) -> None:
    assert (a.sha256, a.image) == (b.sha256, b.image)
    if b.embedding is None:
        assert a.embedding is None
    else:
        assert a.embedding is not None
        assert a.embedding.dtype == np.float16
        np.testing.assert_array_equal(a.embedding, b.embedding)


@pytest.mark.parametrize("width", [0, 1, 1001])
def test_pack_is_undone_by_unpack(width: int) -> None:
    record = _record(3, width)
    data = pack(record)
    _same(unpack(data), record)
    assert len(data) == 4 + 32 + 4 + 2 + len(record.image) + 2 * width + 4


def test_every_changed_or_missing_byte_is_noticed() -> None:
    data = pack(_record(0, 2))
    for i in range(len(data)):
        changed = bytearray(data)
        changed[i] ^= 1 << (i % 8)
        with pytest.raises(UserError, match="record"):
            unpack(bytes(changed))
        with pytest.raises(UserError, match="record"):
            unpack(data[:i])
    with pytest.raises(UserError, match="record"):
        unpack(data + b"x")


def test_records_are_read_by_number(tmp_path: Path) -> None:
    written = _folder(tmp_path)
    records = Records(tmp_path)
    assert len(records) == 7
    assert list(records.sha256) == [record.sha256 for record in written]
    assert records.sha256[2:4] == [written[2].sha256, written[3].sha256]
    assert records.about["counts"] == {"ok": 7}
    assert records.about["backbone"] is None
    for i in (6, 0, 3, 2, 5, -1, -7, np.int64(4)):
        _same(records[i], written[i])
    for i in (7, -8):
        with pytest.raises(IndexError):
            records[i]
    assert len(list(records)) == 7  # iteration ends by itself


def test_hashes_need_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = _folder(tmp_path)
    records = Records(tmp_path)
    monkeypatch.setattr(Records, "_reader", None)
    assert records.sha256[6] == written[6].sha256
    with pytest.raises(TypeError):
        records[6]


def _image(records: Records, i: int) -> bytes:
    return records[i].image


def test_other_threads_and_processes_read_too(tmp_path: Path) -> None:
    written = _folder(tmp_path)
    records = Records(tmp_path)
    assert records[0].image == written[0].image  # a shard is open when it is sent
    _same(pickle.loads(pickle.dumps(records))[5], written[5])
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(_image, (records, 5)) == written[5].image
    order = [i % 7 for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda i: _image(records, i), order))
    assert images == [written[i].image for i in order]


def test_unfinished_or_damaged_folders_are_named(tmp_path: Path) -> None:
    _folder(tmp_path)
    about, index = tmp_path / "records.json", tmp_path / "records.sha256"
    shard = tmp_path / shards.name(1, 3)
    for path, content in (
        (about, b"{"),
        (about, b"[]"),
        (about, b'{"version": 1}'),
        (about, json.dumps({"version": 9}).encode()),
        (index, b"0" * 224),
        (index, None),
        (shard, shard.read_bytes()[:-9]),
        (shard, None),
    ):
        whole = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match=path.name):
            Records(tmp_path)
        path.write_bytes(whole)
    assert len(Records(tmp_path)) == 7
    about.unlink()
    with pytest.raises(UserError, match="no finished records here"):
        Records(tmp_path)
    with pytest.raises(UserError, match="no finished records here"):
        Records(tmp_path / "nowhere")


def test_a_rotten_record_is_named_and_spares_the_others(tmp_path: Path) -> None:
    written = _folder(tmp_path)
    shard = tmp_path / shards.name(1, 3)
    content = bytearray(shard.read_bytes())
    place = bytes(content).index(written[4].image[:8])
    content[place] ^= 255
    shard.write_bytes(content)
    records = Records(tmp_path)
    with pytest.raises(UserError, match=rf"{shard.name}: damaged \(record 4"):
        records[4]
    _same(records[3], written[3])
    hashes = [record.sha256 for record in written]
    assert not shards.holds(shard, hashes[3:6])
    assert shards.holds(tmp_path / shards.name(0, 3), hashes[:3])
    assert not shards.holds(tmp_path / shards.name(0, 3), hashes[:2])


def test_shards_of_other_records_are_noticed(tmp_path: Path) -> None:
    _folder(tmp_path)
    first, second = (tmp_path / shards.name(k, 3) for k in (0, 1))
    if first.stat().st_size == second.stat().st_size:
        second.write_bytes(first.read_bytes())
    with pytest.raises(UserError, match="another than the index says"):
        Records(tmp_path)[4]


def test_a_shard_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def records():
        yield _record(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shards.write(tmp_path / "a", records())
    assert list(tmp_path.iterdir()) == []


def test_no_place_to_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere/a: cannot be written \(.*No such"):
        shards.write(tmp_path / "nowhere" / "a", [_record(0)])
    (tmp_path / ".a.part").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"a: cannot be written \(.*No space left"):
        shards.write(tmp_path / "a", [_record(0)])
