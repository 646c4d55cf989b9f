"""Files of torch.save: read to the last bit, and nothing in them is run."""

import collections
import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_file import Name, Pickler, Storage, forge, tensor

from colorflax.errors import UserError
from colorflax.pretrained import pth

# Written by PyTorch 2.15 from the tensors below; "turned" and "part" share a storage.
FILES = sorted((Path(__file__).parent / "torch_files").glob("*.pth"))
BASE = np.arange(24, dtype=np.float32)
EXPECTED = {
    "plain": (BASE / 8).reshape(2, 3, 4),
    "turned": BASE.reshape(4, 6).T,
    "part": BASE[5:9],
    "count": np.array(7),
    "half": np.array([0.5, -2.0], np.float16),
    "none": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_layouts(path: Path) -> None:
    found = pth.read(path)
    assert list(found) == list(EXPECTED)
    for name, expected in EXPECTED.items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected, strict=True)


def test_both_layouts_were_written() -> None:
    assert [zipfile.is_zipfile(path) for path in FILES] == [False, True]


@pytest.mark.parametrize("zipped", [True, False])
def test_as_pytorch_writes_today(zipped: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    state = collections.OrderedDict(
        (name, torch.from_numpy(array.copy())) for name, array in EXPECTED.items()
    )
    path = tmp_path / "today.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    for name, array in pth.read(path).items():
        np.testing.assert_array_equal(array, EXPECTED[name], strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_damage_is_one_clear_error_or_none(path: Path, tmp_path: Path) -> None:
    """Cut anywhere: refused. A byte changed anywhere: refused, or other numbers."""
    whole, damaged = path.read_bytes(), tmp_path / "damaged.pth"
    for length in range(0, len(whole), 7):
        damaged.write_bytes(whole[:length])
        with pytest.raises(UserError, match="damaged.pth: "):
            pth.read(damaged)
    rng = np.random.default_rng(0)
    for _ in range(400):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        damaged.write_bytes(changed)
        with contextlib.suppress(UserError):
            pth.read(damaged)


FOUR = Storage("", "", "storage", Name("torch", "FloatStorage"), "k", "cpu", 4)
NUMBERS = np.arange(4, dtype="<f4").tobytes()


def test_the_forgery_itself_is_read(tmp_path: Path) -> None:
    content = {"a": tensor(FOUR, 1, (3, 2), (1, 0))}
    found = pth.read(forge(content, tmp_path / "x.pth", k=NUMBERS))
    np.testing.assert_array_equal(found["a"], [[1, 1], [2, 2], [3, 3]])


def test_nothing_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for module, name in (
        ("os", "system"), ("posix", "system"), ("builtins", "eval"),
        ("builtins", "getattr"), ("torch", "load"), ("numpy", "load"),
        ("torch._utils", "_rebuild_parameter"),
    ):  # fmt: skip
        path = forge({"a": Name(module, name, f"touch {mark}")}, tmp_path / "x.pth")
        with pytest.raises(UserError, match=f"refused, it names {module}.{name}"):
            pth.read(path)
    legacy = tmp_path / "legacy.pth"
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump(Name("os", "system", f"touch {mark}"))
    legacy.write_bytes(buffer.getvalue())
    with pytest.raises(UserError, match="refused, it names os.system"):
        pth.read(legacy)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensor(FOUR, 0, (5,), (1,)), "reaches beyond its storage"),
        (tensor(FOUR, 2, (2, 2), (2, 1)), "reaches beyond its storage"),
        (tensor(FOUR, -1, (1,), (1,)), "impossible shape"),
        (tensor(FOUR, 3, (2,), (-1,)), "impossible shape"),
        (tensor(FOUR, 0, (2,), (1, 1)), "impossible shape"),
        # A tensor of 10^9 times one number is no storage of 10^9 numbers.
        (
            tensor(tensor(FOUR, 0, (10**9,), (0,)), 10**8, (1,), (1,)),
            "a tensor without a storage",
        ),
        (tensor("k", 0, (1,), (1,)), "a tensor without a storage"),
        ({"nested": tensor(FOUR, 0, (1,), (1,))}, "more than named tensors"),
        (3, "more than named tensors"),
    ],
)
def test_memory_outside_the_file_is_never_read(
    content: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        pth.read(forge({"a": content}, tmp_path / "x.pth", k=NUMBERS))


def test_storage_of_another_length(tmp_path: Path) -> None:
    content = {"a": tensor(FOUR, 0, (1,), (1,))}
    with pytest.raises(UserError, match="storage k is not 4 times float32"):
        pth.read(forge(content, tmp_path / "x.pth", k=NUMBERS[:8]))


def test_missingforge(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.pth: no such file"):
        pth.read(tmp_path / "no.pth")
