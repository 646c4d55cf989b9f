"""Pictures of any kind in Python: the same kind out, L kept, one run, little memory."""

import dataclasses
import functools
import subprocess
import sys
import textwrap
from pathlib import Path

import compiling
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from PIL import Image
from skimage import color as oracle

import colorflax
from colorflax import predict
from colorflax.color import bins
from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.painting import guided, paint

ROOT = Path(__file__).parent.parent
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def bins_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("bins"), "classification")


def test_import_takes_nothing_with_it() -> None:
    code = (
        "import sys; sys.argv = []; import colorflax; "  # as where Python is embedded
        "print(*sys.modules, colorflax.load)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "colorflax" in loaded
    assert not loaded & {"jax", "flax", "optax", "orbax", "grain", "keras", "numpy"}


@pytest.mark.parametrize("command", ["colorize", "prepare", "video"])
def test_flags_are_read_before_jax(command: str) -> None:
    """A misspelt one, and --help, are told at once."""
    code = f"import sys, colorflax.{command}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert not set(done.stdout.split()) & {"jax", "flax", "keras", "grain"}


def test_colouring_brings_no_training_code() -> None:
    code = (
        "import sys, numpy, colorflax; "
        "colorflax.load()(numpy.zeros((8, 8), 'uint8')); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    loaded = set(done.stdout.split())
    assert "colorflax.coloring" in loaded
    assert not loaded & {"optax", "grain", "keras", "scipy", "tensorboardX"}
    rooms = ("training", "data.pipeline")
    assert not loaded & {f"colorflax.{room}" for room in rooms}


def test_the_same_kind_comes_out(bins_run: Path, tmp_path: Path) -> None:
    colorizer = colorflax.load(bins_run)
    rgb = np.asarray(photographs.builtin()[0].open(40).resize((48, 40)))
    whole = colorizer(rgb)
    assert (whole.shape, whole.dtype) == ((40, 48, 3), np.uint8)
    deep = colorizer(rgb.astype(np.uint16) * 257)
    assert (deep.shape, deep.dtype) == ((40, 48, 3), np.uint16)
    for dtype in (np.float32, np.float64):
        real = colorizer((rgb / 255).astype(dtype))
        assert (real.shape, real.dtype) == ((40, 48, 3), dtype)
        assert 0 <= real.min() <= real.max() <= 1
        np.testing.assert_allclose(real * 255, whole, atol=0.6)
        other = colorizer((rgb / 255).astype(np.dtype(dtype).newbyteorder(">")))
        np.testing.assert_array_equal(other, real)
    np.testing.assert_allclose(deep / 257, whole, atol=0.6)
    grey = colorizer(rgb[..., 1])
    np.testing.assert_array_equal(colorizer(rgb[..., 1:2]), grey)
    Image.fromarray(rgb).save(tmp_path / "x.png")
    for given in (tmp_path / "x.png", str(tmp_path / "x.png"), Image.fromarray(rgb)):
        image = colorizer(given)
        assert isinstance(image, Image.Image)
        np.testing.assert_array_equal(np.asarray(image), whole)
    both = colorizer([rgb, Image.fromarray(rgb)])
    assert [type(x) for x in both] == [np.ndarray, Image.Image]
    np.testing.assert_array_equal(colorizer((jnp.asarray(rgb),))[0], whole)
    assert repr(colorizer).startswith("Colorizer('")


def test_temperature_and_saturation(bins_run: Path) -> None:
    colorizer = colorflax.load(bins_run)
    rgb = np.asarray(photographs.builtin()[1].open(40))
    said = colorizer.look(rgb)
    logits = np.asarray(said.head, np.float64)
    rare = np.log(bins.rebalancing_weights(np.array(colorizer.saved.about["prior"])))
    for temperature, tau in ((0.05, 0.0), (1.0, 0.0), (1.0, 0.5)):
        tilted = logits + tau * rare
        p = np.exp((tilted - tilted.max(axis=-1, keepdims=True)) / temperature)
        mean = (p / p.sum(axis=-1, keepdims=True)) @ bins.CENTRES
        ab = said.decode(said.head, temperature, tau)
        np.testing.assert_allclose(ab, mean, atol=0.01)
    cold, hot = (colorizer(rgb, temperature=t) for t in (0.05, 1.0))
    assert not np.array_equal(cold, hot)
    own = colorizer.objective.temperature
    np.testing.assert_array_equal(colorizer(rgb, temperature=own), colorizer(rgb))
    np.testing.assert_array_equal(colorizer(rgb, tau=0.0), colorizer(rgb))
    assert not np.array_equal(colorizer(rgb, tau=0.5), colorizer(rgb))
    # Where sRGB has room.
    middle = np.full((8, 8), 0.5)
    faint = guided.enlarge(np.full((1, 1, 2), 8.0, np.float32), (8, 8))
    for saturation in (0.0, 0.5, 2.0):
        lab = oracle.rgb2lab(paint.paint(middle, faint, saturation))
        np.testing.assert_allclose(lab[..., 1:], 8 * saturation, atol=0.05)
    for bad in ({"temperature": 0.0}, {"tau": np.nan}, {"saturation": np.nan}):
        with pytest.raises(UserError, match=f"{next(iter(bad))}=.*; take"):
            colorizer(rgb, **bad)
    with pytest.raises(UserError, match="size=0 is too small"):
        colorflax.load(bins_run, size=0)


def test_one_run_says_it_all(bins_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colorizer = colorflax.load(bins_run)
    runs, run = [], colorizer._run
    monkeypatch.setattr(colorizer, "_run", lambda *a: runs.append(1) or run(*a))
    said = colorizer.look(RNG.integers(0, 256, (40, 48), np.uint8))
    said.picture()
    said.picture(temperature=1.0)
    assert len(list(said.samples(2))) == 2
    assert said.confidence().shape == (40, 48)
    likely = said.probabilities()
    assert likely.shape == (*said.rows_columns, 313)
    np.testing.assert_allclose(likely.sum(axis=-1), 1, atol=1e-5)
    mean = likely @ bins.CENTRES
    np.testing.assert_allclose(
        mean, said.decode(said.head, 1.0, 0.0)[0][: mean.shape[0], : mean.shape[1]],
        atol=0.05,
    )  # fmt: skip
    assert len(runs) == 1


def test_few_sizes_compile(bins_run: Path) -> None:
    """Of every shape up to 8 : 1, lying and standing."""
    sides = {predict.bucket(side) for side in range(224, 8 * 224 + 1)}
    assert len(sides) == 13
    assert all(n <= predict.bucket(n) <= max(n + 31, 1.25 * n) for n in range(1, 2000))
    colorizer = colorflax.load(bins_run, size=128)
    shapes = [(100 + 7 * i, 100) for i in range(15)]
    for w, h in [*shapes, *(shape[::-1] for shape in shapes)]:
        colorizer.look(np.zeros((h, w), np.uint8))
    # 128 by 128, 160, 192, 224, 256 and 320, and the same standing.
    assert colorizer._run._cache_size() <= 11


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_luminance_is_kept_at_every_depth(depth: type) -> None:
    """Of every built-in photograph, under wild colours; the bound is in the README."""
    for photo in photographs.builtin():
        rgb = np.asarray(photo.open(150))[:200, :200]
        full = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[depth]
        if depth is not np.uint8:
            fine = (rgb + RNG.uniform(-0.5, 0.5, rgb.shape)).clip(0, 255) / 255
            rgb = (fine * full).astype(depth)
        h, w = rgb.shape[:2]
        wild = guided.enlarge(RNG.normal(0, 60, (9, 9, 2)), (w, h))
        output = paint.paint(rgb, wild)
        assert output.dtype == depth
        before, after = (
            oracle.rgb2lab(x.astype(np.float64) / full)[..., 0] for x in (rgb, output)
        )
        bound = 1 / 255 if depth is np.uint8 else 8 / 65535
        assert np.abs(before - after).max() / 100 <= bound
        if depth is not np.uint8:  # not one that 8 bits would keep
            assert np.abs(np.round(before * 2.55) / 2.55 - before).max() / 100 > bound


def test_colours_follow_edges_and_the_last_block_of_the_head(bins_run: Path) -> None:
    """A head of wider blocks than the picture divides into lies where it should."""
    rgb = np.zeros((1, 64, 64, 3), np.uint8)
    rgb[:, :, 21:] = 200
    said = colorflax.load(bins_run).look(np.asarray(rgb[0, :45, :45]))
    h, w = said.rows_columns
    stride = said.objective.stride
    ramp = np.broadcast_to(np.arange(w) * stride + stride / 2, (1, h, w))
    ab = np.stack([ramp, ramp], axis=-1).astype(np.float32)
    smooth = said._enlarged(said._cut(jax.numpy.asarray(ab)), guide=False)
    across = smooth.rows(0, np.zeros((45, 45), np.float32))[20, :, 0]
    expected = (np.arange(45) + 0.5) * said.size[1] / 45
    np.testing.assert_allclose(across[8:-8], expected[8:-8], atol=0.6)
    edges = said._enlarged(said._cut(jax.numpy.asarray(ab)), guide=True)
    assert edges._L is not None
    assert smooth._L is None


def test_noise_of_the_network_is_smoothed_unless_edges_are_not_wished(
    bins_run: Path,
) -> None:
    grey = np.full((64, 64, 3), 120, np.uint8)
    spread = []
    for edges in (False, True):
        said = colorflax.load(bins_run, edges=edges).look(grey)
        noise = jnp.asarray(RNG.normal(0, 3, said.head.shape), jnp.float32)
        said = dataclasses.replace(said, head=noise)
        pixels = np.asarray(said.picture(saturation=2.0), np.float32)
        ab = said.ab(functools.partial(said.decode, temperature=1.0, tau=0.0))
        spread.append([x.std(axis=(0, 1)).mean() for x in (pixels, ab)])
    assert np.all(np.array(spread[1]) < 0.6 * np.array(spread[0])), spread


def test_memory_beyond_the_picture_does_not_grow(bins_run: Path) -> None:
    """4 and 32 megapixels: what is held besides source and result stays the same."""
    code = textwrap.dedent(f"""
        from pathlib import Path
        import numpy as np, colorflax
        status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
        def mib(name):
            return int(status.read_text().split(name + ":")[1].split()[0]) / 1024
        colorizer = colorflax.load({str(bins_run)!r})
        colorizer(np.zeros((2000, 1000), np.uint8))
        beyond = []
        for height in (2000, 16000):
            source = np.arange(height * 2000, dtype=np.uint8).reshape(height, 2000)
            reset.write_text("5")
            before = mib("VmRSS")
            result = colorizer(source)
            beyond.append(mib("VmHWM") - before - result.nbytes / 2**20)
            del source, result
        print(*beyond)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        check=True, env=compiling.devices(1),
    )  # fmt: skip
    small, large = map(float, done.stdout.split())
    assert small < 200
    assert large < small + 30  # MiB; a float copy of one channel has 122
