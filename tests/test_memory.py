"""What a step takes, as compiled: more for more, and less where memory is saved."""

import re

import commands
import compiling
import jax
import pytest

from colorflax import config
from configs import simple
from launch import memory

ENV = compiling.devices(2)


def _need(devices: int, **train: int) -> tuple[int, int]:
    values = simple.get_config()
    values.data.size = values.data.short_side = 64
    values.train.update(train)
    return memory.need(config.parse(values), jax.devices()[:devices])


def test_what_is_held_and_what_comes_beside() -> None:
    one, eight = (_need(1, batch_size=n) for n in (8, 16))
    assert eight[0] - one[0] == 8 * 3 * 64**2  # the photographs
    assert 1.5 * one[1] < eight[1]
    assert _need(1, batch_size=16, accumulate=4)[1] < 0.5 * eight[1]
    # Each device holds the parameters, and its share of the photographs.
    shared = _need(2, batch_size=16)
    assert shared[0] == one[0]
    assert shared[1] == pytest.approx(one[1], rel=0.3)


def test_the_table() -> None:
    small = ["--config.data.size=16", "--config.train.batch_size=4"]
    done = commands.run(
        "launch.memory", "--config=configs/simple.py", *small, env=ENV
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *rows = done.stdout.splitlines()
    assert first == "2 x cpu; batches of 4 at 16 px"
    assert [re.split(r" *\| *", row)[1] for row in rows[2:]] == list(memory._SAVING)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "name a config"),
        (["--config=configs/simple.py", "--topology=nonsense"], "it needs libtpu"),
    ],
)
def test_bad_commands_end_in_one_line(flags: list[str], message: str) -> None:
    assert message in commands.complaint(commands.run("launch.memory", *flags))
