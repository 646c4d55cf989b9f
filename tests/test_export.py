"""Other forms of a network: as true as they say, as small, and opened like the first.

All of untrained networks, narrowed where that can be.
"""

import functools
import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import colorflax
from colorflax import checkpoint, config, exported, models
from colorflax.disk import seals
from colorflax.errors import UserError
from colorflax.exported import comparison, graph, network, program, run
from colorflax.training.state import AveragedState, TrainState
from colorflax.training.tasks import Colorization
from configs import fusion, iizuka, lite, simple, unet, zhang

RNG = np.random.default_rng(0)
NETWORKS = {
    "simple": (simple, ""), "fusion": (fusion, "classification"),
    "iizuka": (iizuka, ""), "zhang": (zhang, ""), "unet": (unet, ""),
    "lite": (lite, ""),
}  # fmt: skip
QUICKLY = {"xla_backend_optimization_level": 0}


def _settings(name: str) -> config.Config:
    recipe, words = NETWORKS[name]
    values = recipe.get_config(words).to_dict()
    values["data"].update(size=16, short_side=16)
    if name == "iizuka":
        values["model"]["global_size"] = 16
    return config.parse(values)


def _trained(module: Any, *inputs: Any) -> Any:
    """Numbers such as training leaves; initialising as it does takes longer."""
    shapes = jax.eval_shape(module.init, jax.random.key(0), *inputs)

    def numbers(x: Any) -> np.ndarray:
        if len(x.shape) < 2:  # biases, and what norms have seen
            return RNG.uniform(0.1, 1, x.shape).astype(np.float32)
        fan_in = np.prod(x.shape[:-1])
        return RNG.normal(0, 1 / fan_in**0.5, x.shape).astype(np.float32)

    return jax.tree.map(numbers, shapes)


def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    def thin(blocks: Any) -> Any:
        return tuple(tuple((8, *rest) for _, *rest in layers) for layers in blocks)

    for room, name in ((models.fusion, "_ENCODER"), (models.zhang, "_BLOCKS")):
        monkeypatch.setattr(room, name, thin(getattr(room, name)))
    for room in (models.unet, models.lite):
        monkeypatch.setattr(room, "_WIDTHS", (8, 12, 16))
    for size, stages in models.lite.STAGES.items():
        thinner = tuple((1, *stage[1:4], 8) for stage in stages)
        monkeypatch.setitem(models.lite.STAGES, size, thinner)
    monkeypatch.setattr(models, "Iizuka", functools.partial(models.Iizuka, width=4))


@pytest.mark.parametrize("name", NETWORKS)
def test_programs_say_what_the_network_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX as its own evaluator reads it, at a size that it was not traced with."""
    onnx, reference = map(pytest.importorskip, ("onnx", "onnx.reference"))
    _narrow(monkeypatch)
    settings = _settings(name)
    task = Colorization.build(settings, prior=None)
    inputs = {"L": RNG.uniform(0, 100, (2, 32, 64, 1)).astype(np.float32)}
    record = None
    if name == "fusion":
        inputs["embedding"] = RNG.normal(size=(2, 1001)).astype(np.float32)
        record = {"name": "a backbone"}
    variables = _trained(task.model, *map(jnp.asarray, inputs.values()))
    about = {"config": settings.to_dict(), "features": record}
    saved = checkpoint.Saved(Path("RUN"), 3, about, variables)
    short = network.stored(variables, "bfloat16")
    rounded = jax.tree.map(lambda x: x.astype(np.float32), short)
    live = jax.jit(task.predict, compiler_options=QUICKLY)
    expected = live(rounded, inputs["L"], inputs.get("embedding"))
    assert np.ptp(expected) > 1  # ab; grey would pass for anything

    path = tmp_path / graph.NAME
    graph.write(saved, short, path)
    onnx.checker.check_model(path, full_check=True)
    (ab,) = reference.ReferenceEvaluator(str(path)).run(None, inputs)
    np.testing.assert_allclose(ab, expected, atol=1e-2)

    path = tmp_path / program.NAME
    program.write(saved, short, path)
    read = export.deserialize(bytearray(path.read_bytes()))
    assert set(read.platforms) == {"cpu", "cuda", "tpu"}
    n = network.grain(saved)
    assert [str(x) for x in read.out_avals] == [f"float32[b,{n}*h,{n}*w,2]"]
    assert len(read.in_avals) == len(inputs)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: parameters, their average, an optimiser; not a step trained."""
    settings, out = _settings("simple"), tmp_path_factory.mktemp("run")
    task = Colorization.build(settings, prior=None)
    variables = _trained(task.model, jnp.zeros((1, 16, 16, 1)))
    begun = TrainState.create(variables, task.optimizer)
    average = jax.tree.map(lambda x: 0.7 * x, begun.newest)
    state = AveragedState(**vars(begun), average=average, decay=0.9)
    about = {
        "colorflax": "0", "config": settings.to_dict(), "features": None,
        "photographs": "some",
    }  # fmt: skip
    checkpoints = checkpoint.Checkpoints(out, about, keep=1)
    checkpoints.save(7, state, score=None)
    checkpoints.close()
    return out


@pytest.fixture(scope="module")
def small(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That in bfloat16, as a checkpoint and as StableHLO."""
    out = tmp_path_factory.mktemp("exports") / "small"
    exported.export(checkpoint.load(source), out, "bfloat16", ["orbax", "stablehlo"])
    return out


def test_float32_is_the_average_bit_for_bit(source: Path, tmp_path: Path) -> None:
    """And another folder that holds something is left alone."""
    saved = checkpoint.load(source)
    done = exported.export(saved, tmp_path / "out", "float32", ["orbax"])
    assert done["orbax"].difference == comparison.Difference(0.0, 0.0)
    again = checkpoint.load(tmp_path / "out")
    assert again.step == saved.step
    jax.tree.map(np.testing.assert_array_equal, again.variables, saved.variables)
    with pytest.raises(UserError, match="is there already"):
        exported.export(saved, tmp_path / "out", "float32", ["orbax"])
    assert checkpoint.load(tmp_path / "out").step == saved.step


def test_bfloat16_is_half_and_says_what_it_is(source: Path, small: Path) -> None:
    saved, again = checkpoint.load(source), checkpoint.load(small)
    """Of large kernels; the others are few, and stay as they are."""
    large = others = 0
    leaves = map(jax.tree.leaves, (saved.variables, again.variables))
    for x, y in zip(*leaves, strict=True):
        assert y.dtype == jnp.float32
        if x.ndim > 1 and x.size > network._LARGE:
            np.testing.assert_array_equal(y, x.astype(jnp.bfloat16).astype(jnp.float32))
            large += x.size
        else:
            np.testing.assert_array_equal(y, x)
            others += x.size
    assert 0 < others < large
    numbers = 2 * large + 4 * others
    assert exported.size(small / "checkpoints") < numbers + 20_000
    assert exported.size(small / program.NAME) < numbers + 50_000
    about = again.about["exported"]
    assert about["from"]["sha256"] == checkpoint.digest(saved.variables)
    assert about["dtype"] == "bfloat16"
    kept = {k: v for k, v in again.about.items() if k != "exported"}
    assert kept == saved.about
    assert (again.path / "sha256.json").is_file()
    assert seals.broken(again.path) is None
    notes = json.loads((small / run.NOTES).read_text())
    assert 0 < notes["forms"]["orbax"]["ab_difference"]["max"] < notes["bound"]["max"]


def test_stablehlo_at_sizes_and_no_others(small: Path) -> None:
    """As `Colorizer` has it where colours do not follow edges."""
    saved = checkpoint.load(small)
    L = RNG.uniform(0, 100, (2, 48, 16, 1)).astype(np.float32)
    live = jax.jit(network.task(saved).predict, compiler_options=QUICKLY)
    call = program.load(small / program.NAME)
    np.testing.assert_allclose(call(L), live(saved.variables, L, None), atol=1e-3)
    with pytest.raises(ValueError, match=r"16\*h"):
        call(L[:, :40])


def test_colours_from_a_folder_that_nobody_may_write_to(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As packages are installed: no links, no folders, and no attempt at any."""

    def refuse(*args: object, **how: object) -> None:
        raise OSError("read-only file system")

    def look() -> dict[str, int]:
        return {str(p): p.stat().st_mtime_ns for p in (small, *small.rglob("*"))}

    picture = RNG.integers(0, 256, (20, 24), np.uint8)
    expected = colorflax.load(small)(picture)
    before = look()
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    monkeypatch.setattr(os, "link", refuse)
    np.testing.assert_array_equal(colorflax.load(small)(picture), expected)
    assert look() == before


def test_what_is_too_far_off_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = comparison.Difference(max=1e-6, mean=1.0)
    monkeypatch.setitem(exported.BOUNDS, "bfloat16", bound)
    with pytest.raises(UserError, match=r"--formats=orbax: colours differ .* ab at"):
        exported.export(
            checkpoint.load(source), tmp_path / "new" / "out", "bfloat16", ["orbax"]
        )
    assert not list((tmp_path / "new").iterdir())


def test_no_number_is_near_enough_to_nothing() -> None:
    bound = comparison.Difference(1.0, 1.0)
    one, nan = np.zeros((1, 2, 2, 2)), np.full((1, 2, 2, 2), np.nan)
    assert comparison.difference([one], [one]).within(bound)
    assert not comparison.difference([one], [nan]).within(bound)
    assert not comparison.difference([one], [one[:, :1]]).within(bound)
    far = one.copy()
    far[0, 0, 0, 0] = 1.1
    found = comparison.difference([one, one], [one, far])
    assert (found.max, found.mean) == (1.1, pytest.approx(1.1 / 16))
    assert not found.within(bound)


def test_onnx_by_onnxruntime(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    saved = checkpoint.load(source)
    done = exported.export(saved, tmp_path / "out", "float32", ["onnx"])["onnx"]
    assert done.difference.max < 1e-2
    ab = graph.load(tmp_path / "out" / done.path)
    assert ab(np.zeros((1, 32, 16, 1), np.float32)).shape == (1, 32, 16, 2)
    with pytest.raises(Exception, match="Reshape"):  # its own kind of error
        ab(np.zeros((1, 32, 24, 1), np.float32))


def test_what_cannot_be_had_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = checkpoint.load(source)
    for formats in ([], ["orbax", "tflite"]):
        with pytest.raises(UserError, match="name one or more of orbax, stablehlo,"):
            exported.export(saved, tmp_path / "out", "float32", formats)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs onnx, .*pip install onnx onnxruntime"):
        exported.export(saved, tmp_path / "out", "float32", ["onnx"])
    assert not list(tmp_path.iterdir())


def test_a_network_that_travels_says_no_folders() -> None:
    """Of the machine that trained it; and how to decode it, where that was wished."""
    values = unet.get_config().to_dict()
    values["data"]["source"] = "folder:/home/me/photos"
    begun = {"name": "/home/me/runs/first", "sha256": "0"}
    about = {
        "config": config.parse(values).to_dict(), "init_from": begun,
        "prior": [1 / 313] * 313,
    }  # fmt: skip
    saved = checkpoint.Saved(Path("RUN"), 3, about, {})
    wishes = {"tau": 0.5, "temperature": 0.7, "gain": 1.5}
    there = run._travelling(saved, wishes).about
    assert "/home" not in json.dumps(there)
    assert there["config"]["data"]["source"] == "folder:photos"
    objective = there["config"]["objective"]
    assert {name: objective[name] for name in wishes} == wishes
    kept = run._travelling(saved, {}).about["config"]["objective"]
    assert kept == about["config"]["objective"]
    assert about["init_from"] == begun


def _of(numbers: Any, began: str | None, photographs: str = "some") -> checkpoint.Saved:
    begun = {"name": "there", "sha256": began} if began else None
    about = {"init_from": begun, "photographs": photographs, "exported": {"by": "0"}}
    return checkpoint.Saved(Path("runs/a/checkpoints/9"), 9, about, numbers)


def test_the_mean_of_runs_that_began_alike() -> None:
    """Also with what they began with; whatever their order."""
    arrays = [
        {"x": RNG.normal(size=(3, 2)).astype(np.float32), "y": np.float32([i])}
        for i in range(3)
    ]
    start = _of(arrays[0], began="elsewhere")
    root = checkpoint.digest(arrays[0])
    runs = [_of(numbers, root) for numbers in arrays[1:]]
    made = exported.mean([*runs, start])
    for name in ("x", "y"):
        expected = sum(numbers[name].astype(np.float64) for numbers in arrays) / 3
        np.testing.assert_array_equal(made.variables[name], np.float32(expected))
    again = exported.mean([start, *runs])
    jax.tree.map(np.testing.assert_array_equal, again.variables, made.variables)
    part = again.about["mean_of"][0]
    assert (part["name"], part["step"], part["sha256"]) == ("a", 9, root)
    assert "exported" not in again.about
    assert exported.mean([start]) is start


def test_no_mean_of_strangers() -> None:
    numbers = {"x": np.ones((2, 2), np.float32)}
    other = {"x": np.zeros((2, 2), np.float32)}
    with pytest.raises(UserError, match="did not begin with the network that runs/a"):
        exported.mean([_of(numbers, "one"), _of(other, "two")])
    with pytest.raises(UserError, match="trained on other photographs than runs/a"):
        exported.mean([_of(numbers, "one"), _of(other, "one", "others")])
