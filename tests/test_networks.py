"""The tables about networks that we show are computed, and by the right rule."""

import re

import commands
import jax
import pytest

from colorflax import config
from colorflax.errors import UserError
from launch import networks


def _shown(file: str) -> str:
    """The first table in it."""
    text = (commands.ROOT / file).read_text()
    shown = re.search(r"(?:^\| .*\n)+", text, re.MULTILINE)
    assert shown, f"{file} has no table"
    return shown[0]


def test_readme_has_the_table_of_the_command() -> None:
    shown = _shown("README.md").strip()
    assert shown == networks.table(), "paste: python -m launch.networks"


def test_scaling_has_the_table_of_the_command() -> None:
    done = commands.run("launch.scaling")
    assert done.stdout == _shown("launch/SCALING.md"), "paste: python -m launch.scaling"


def test_every_network_has_a_row() -> None:
    rows = networks.table().split("\n")[2:]
    assert [row.split("|")[1].strip() for row in rows] == list(config.STRIDES)


def test_operations_are_counted_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX counts none for a backend that is a plugin: on one, the CPU does it."""
    network = networks.Network.named("simple")
    expected = network.cost(16)
    cost_analysis = jax.stages.Lowered.cost_analysis
    on_cpu = []

    def counted(lowered: jax.stages.Lowered) -> object:
        device = jax.config.jax_default_device
        on_cpu.append(device is not None and device.platform == "cpu")
        return cost_analysis(lowered)

    monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", counted)
    assert network.cost(16) == expected
    assert on_cpu == [True]
    monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", lambda _: None)
    with pytest.raises(UserError, match="counts operations on a CPU only"):
        network.cost(16)


@pytest.mark.parametrize("size", [8, 24])
def test_flops_are_two_for_each_multiply_add(size: int) -> None:
    """Counted by hand for the simplest network, without what falls on the padding."""

    def taps(n: int, stride: int) -> int:
        """How many of 3 neighbours lie inside, over all outputs of one axis."""
        before = 1 if stride == 1 else 0  # halving, SAME pads an even side at its end
        centres = range(0, n, stride)
        return sum(0 <= c - before + k < n for c in centres for k in range(3))

    layers = [  # side, stride, channels in, channels out
        (8, 2, 1, 8), (4, 1, 8, 8), (4, 1, 8, 16), (4, 2, 16, 16), (2, 1, 16, 32),
        (2, 2, 32, 32), (2, 1, 32, 32), (4, 1, 32, 16), (8, 1, 16, 2),
    ]  # fmt: skip
    products = outputs = 0
    for eighths, stride, c_in, c_out in layers:
        side = eighths * size // 8
        products += taps(side, stride) ** 2 * c_in * c_out
        outputs += (side // stride) ** 2 * c_out
    parameters, flops = networks.Network.named("simple").cost(size)
    # Beside the convolutions: a bias and a ReLU per output, the scaling of L.
    biases, rectified = outputs, outputs - 2 * size**2
    assert flops == 2 * products + biases + rectified + 2 * size**2
    assert parameters == sum(9 * i * o + o for *_, i, o in layers)
