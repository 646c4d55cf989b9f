"""Operations by hand; peaks by kind; both in what a run says and writes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs

from colorflax.training import speed
from colorflax.training.speed import work
from colorflax.training.speed.peaks import peak


class OneConvolution:
    """A step that is a convolution of every photograph and nothing else."""

    scores: ClassVar[dict[str, int]] = {}

    def undivided(self) -> "OneConvolution":
        return self

    def init(self, key: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
        return jnp.zeros((3, 5, 3, 7))

    def train_step(
        self, state: jax.Array, batch: dict[str, jax.Array], key: jax.Array, axis: None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        out = jax.lax.conv_general_dilated(
            batch["rgb"], state, (2, 1), "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return state, {"out": out}

    def eval_step(self, state: Any, batch: Any) -> Any:
        raise NotImplementedError


BATCH = {"rgb": np.zeros((4, 11, 16, 3), np.float32)}
BY_HAND = 2 * 4 * (5 * 12) * (3 * 5 * 3) * 7  # batch, places, taps and channels


def test_a_multiply_add_is_two_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    assert speed.count(OneConvolution(), BATCH) == BY_HAND
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    assert speed.count(OneConvolution(), BATCH) == 3 * BY_HAND


@pytest.mark.parametrize(
    ("kind", "dtype", "tflops"),
    [
        ("NVIDIA H200", "bfloat16", 989.0),
        ("NVIDIA H200", "float32", 494.5),
        ("NVIDIA H200 NVL", "bfloat16", 835.0),
        ("NVIDIA A100-SXM4-80GB", "bfloat16", 312.0),
        ("NVIDIA A100 80GB PCIe", "bfloat16", 312.0),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "bfloat16", None),
        ("NVIDIA A10G", "bfloat16", 70.0),
        ("NVIDIA A1", "bfloat16", None),
        ("NVIDIA L4", "bfloat16", 121.0),
        ("NVIDIA L40S", "bfloat16", 362.0),
        ("Tesla V100-SXM2-32GB", "float32", 15.7),
        ("Tesla V100-SXM2-32GB", "bfloat16", None),
        ("TPU v5", "bfloat16", 459.0),
        ("TPU v5 lite", "bfloat16", 197.0),
        ("TPU v4 lite", "bfloat16", None),
        ("cpu", "float32", None),
    ],
)
def test_peaks(kind: str, dtype: str, tflops: float | None) -> None:
    assert peak(kind, dtype) == (None if tflops is None else tflops * 1e12)


def test_utilisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps a second on three devices, of the peak of the three."""
    device = SimpleNamespace(device_kind="NVIDIA L4")
    monkeypatch.setattr(jax, "devices", lambda: [device] * 3)
    work = speed.measure(OneConvolution(), BATCH, "bfloat16")
    share = work.rates(2.0)["utilisation"]
    assert share == pytest.approx(2 * BY_HAND / (3 * 121e12))


def test_what_a_run_says_and_writes(
    photos: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(work, "peak", lambda kind, dtype: 1e9)
    runs.finish(runs.settings(photos, train__steps=2), tmp_path)
    said = capsys.readouterr().err
    (row,) = (r for r in runs.rows(tmp_path) if "train/loss" in r)
    share = row["train/images_per_s"] / 8 * row["train/flops"] / 8e9  # of 8 devices
    assert row["train/utilisation"] == pytest.approx(share)
    assert f"images/s  {share:.1%} of the peak" in said
    step = f"{row['train/flops'] / 1e9:,.4g} GFLOPs"
    assert f"a step is {step}, and the peak of the devices 0.008 TFLOP/s" in said


def test_what_is_not_known_is_not_said() -> None:
    assert str(speed.Work(2e9, None)) == "a step is 2 GFLOPs"
    assert speed.Work(2e9, None).rates(1.0) == {"flops": 2e9}
    assert speed.Work(None, 1e12).rates(1.0) == {}
