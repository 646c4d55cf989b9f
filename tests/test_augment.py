"""Old photographs out of new ones: each effect by its stated size, colour untouched."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2lab
from small import Line

from colorflax import config
from colorflax.coloring import split
from colorflax.data import photographs
from colorflax.objectives import Objective
from colorflax.training import augment, steps
from colorflax.training.state import TrainState
from colorflax.training.tasks import Colorization
from configs import fusion

RNG = np.random.default_rng(0)
OFF = config.parse(fusion.get_config()).data.augment
ALL = config.Augment(
    orthochromatic=1.0, blur=1.5, grain=6.0, fade=20.0, noise=3.0, dust=2.0
)
NAMES = [field.name for field in dataclasses.fields(OFF)]
KEY = jax.random.key(5)
PIXELS = RNG.integers(0, 256, (8, 24, 20, 3), np.uint8)


def _only(name: str) -> config.Augment:
    return dataclasses.replace(OFF, **{name: getattr(ALL, name)})


def _flat(L: float, n: int = 4, side: int = 96) -> jax.Array:
    return jnp.full((n, side, side), L, jnp.float32)


def _keys(n: int = 4) -> jax.Array:
    return jax.random.split(KEY, n)


def test_off_is_lab_bit_for_bit() -> None:
    every = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3), -1).astype(np.uint8)
    rgb = jnp.asarray(every.reshape(4, -1, 52, 3))
    for wrap in (jax.jit, lambda f: f):
        L, age = wrap(lambda x: split(x)[0]), wrap(lambda x: augment.age(x, KEY, OFF))
        np.testing.assert_array_equal(age(rgb), L(rgb))


@pytest.mark.parametrize("settings", [ALL, *map(_only, NAMES)])
@pytest.mark.parametrize("fill", [None, 0, 128, 255])
def test_in_range_and_shaped(settings: config.Augment, fill: int | None) -> None:
    rgb = PIXELS if fill is None else np.full_like(PIXELS, fill)
    L = np.asarray(augment.age(jnp.asarray(rgb), KEY, settings))
    assert L.shape == (8, 24, 20, 1)
    assert np.isfinite(L).all()
    assert L.min() >= 0
    assert L.max() <= 100


@pytest.mark.parametrize("name", NAMES)
def test_strength_is_drawn_per_photograph_up_to_the_knob(name: str) -> None:
    """64 pictures: all differ in strength, none is changed more than the knob says."""
    rgb = jnp.asarray(RNG.integers(60, 190, (64, 48, 48, 3), np.uint8))
    before, after = (augment.age(rgb, KEY, s)[..., 0] for s in (OFF, _only(name)))
    change = np.asarray(jnp.abs(after - before).mean((1, 2)))
    assert (change > 0).mean() > 0.8
    assert change.std() > 0.2 * change.mean()


def test_orthochromatic_is_a_weighting_of_linear_light() -> None:
    ours = augment.expose(
        split(jnp.asarray(PIXELS))[0][..., 0], jnp.asarray(PIXELS), jnp.ones(8)
    )
    codes = PIXELS / 255
    linear = np.where(codes > 0.04045, ((codes + 0.055) / 1.055) ** 2.4, codes / 12.92)
    y = linear @ [0.0, 0.12, 0.88]
    L = np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)
    np.testing.assert_allclose(ours, L, atol=0.01)


def test_orthochromatic_darkens_red_brightens_blue_and_keeps_grey() -> None:
    colours = jnp.asarray([[200, 30, 30], [60, 90, 220], [30, 120, 40]], jnp.uint8)
    rgb = jnp.broadcast_to(colours[:, None, None], (3, 4, 4, 3))
    L = split(rgb)[0][..., 0]
    half, whole = (augment.expose(L, rgb, jnp.full(3, s)) for s in (0.5, 1.0))
    red, blue, green = np.asarray((whole - L)[:, 0, 0])
    assert red < -20
    assert blue > 20
    assert green < -5
    np.testing.assert_allclose(half, (L + whole) / 2, atol=1e-4)
    grey = jnp.arange(256, dtype=jnp.uint8)[None, :, None, None].repeat(3, -1)
    L = split(grey)[0][..., 0]
    np.testing.assert_allclose(augment.expose(L, grey, jnp.ones(1)), L, atol=1e-3)


def test_blur_is_each_pictures_own_gaussian() -> None:
    L = jnp.asarray(RNG.uniform(0, 100, (3, 20, 30)), jnp.float32)
    ours = augment.blur(L, jnp.asarray([0.0, 0.7, 2.0]), 2.0)
    np.testing.assert_allclose(ours[0], L[0], atol=1e-4)
    for i, sigma in ((1, 0.7), (2, 2.0)):
        theirs = ndimage.gaussian_filter(
            np.asarray(L[i]), sigma, mode="nearest", radius=6
        )
        np.testing.assert_allclose(ours[i], theirs, atol=1e-3)


def test_grain_has_its_standard_deviation_in_mid_grey() -> None:
    sigma = jnp.asarray([1.0, 2.0, 4.0, 8.0])
    clumps = np.asarray(augment.grain(_flat(50), sigma, _keys())) - 50
    np.testing.assert_allclose(clumps.std((1, 2)), sigma, rtol=0.06)
    np.testing.assert_allclose(clumps.mean((1, 2)) / sigma, 0, atol=0.06)
    neighbours = np.mean(clumps[:, 1:] * clumps[:, :-1], (1, 2)) / clumps.var((1, 2))
    assert (neighbours > 0.3).all()
    for L, share in ((0, 0), (10, 0.6), (90, 0.6), (100, 0)):
        there = np.asarray(augment.grain(_flat(L), sigma, _keys())) - L
        np.testing.assert_allclose(there.std((1, 2)), share * sigma, rtol=0.06)


def test_noise_is_white() -> None:
    sigma = jnp.asarray([1.0, 2.0, 4.0, 8.0])
    for L in (20, 80):
        noise = np.asarray(augment.noise(_flat(L), sigma, _keys())) - L
        np.testing.assert_allclose(noise.std((1, 2)), sigma, rtol=0.03)
        alike = np.mean(noise[:, 1:] * noise[:, :-1], (1, 2)) / noise.var((1, 2))
        np.testing.assert_allclose(alike, 0, atol=0.04)


def test_fading_lifts_black_and_lowers_white() -> None:
    ramp = jnp.broadcast_to(jnp.linspace(0, 100, 11), (64, 3, 11))
    most = jnp.linspace(0, 40, 64)
    faded = np.asarray(augment.fade(ramp, most, _keys(64)))
    np.testing.assert_allclose(faded[..., 0], np.tile(most[:, None], 3), atol=1e-4)
    sunk = (100 - faded[:, 0, -1]) / np.maximum(most, 1e-6)
    assert (sunk[1:] >= 0).all()
    assert (sunk <= 1.0001).all()
    assert np.ptp(sunk[1:]) > 0.8
    np.testing.assert_allclose(np.diff(faded, 2, axis=-1), 0, atol=1e-3)


def test_dust_covers_its_share() -> None:
    percent = jnp.asarray([0.0, 1.0, 5.0, 30.0])
    dirty = np.asarray(augment.dust(_flat(50, side=256), percent, _keys()))
    assert set(np.unique(dirty)) == {0, 50, 100}
    covered = (dirty != 50).mean((1, 2)) * 100
    np.testing.assert_allclose(covered, percent, rtol=0.15)
    white = (dirty[1:] == 100).sum() / (dirty[1:] != 50).sum()
    assert 0.4 < white < 0.6
    specks, _ = ndimage.label(dirty[1] == 100)
    area = np.bincount(specks.ravel())[1:]
    assert np.median(area) == 4


def test_a_photographs_key_is_its_own() -> None:
    """The order of the batch does not matter, the step's key and each pixel do."""
    aged = jax.jit(lambda rgb, key: augment.age(rgb, key, ALL))
    straight = aged(PIXELS, KEY)
    np.testing.assert_array_equal(aged(PIXELS, KEY), straight)
    order = RNG.permutation(8)
    np.testing.assert_allclose(
        aged(PIXELS[order], KEY), straight[order], rtol=0, atol=1e-3
    )
    others = aged(PIXELS, jax.random.key(6))
    assert (np.abs(np.asarray(others - straight)).mean((1, 2, 3)) > 0.5).all()
    swapped = PIXELS.copy()
    swapped[:, 0, 0], swapped[:, 5, 5] = PIXELS[:, 5, 5], PIXELS[:, 0, 0]
    one, other = (
        jax.random.key_data(augment.content_keys(KEY, jnp.asarray(x)))
        for x in (PIXELS, swapped)
    )
    assert (np.asarray(one) != np.asarray(other)).any(-1).all()


@dataclasses.dataclass(frozen=True)
class Probe:
    """An objective that keeps what it was asked to learn."""

    inner: Objective
    keep: Callable[[jax.Array], None]

    @property
    def channels(self) -> int:
        return self.inner.channels

    @property
    def stride(self) -> int:
        return self.inner.stride

    @property
    def gain(self) -> float:
        return self.inner.gain

    def decode(self, head: jax.Array) -> jax.Array:
        return self.inner.decode(head)

    def loss(self, head: jax.Array, ab: jax.Array) -> jax.Array:
        self.keep(ab)
        return self.inner.loss(head, ab)


def _task(settings: config.Augment) -> Colorization:
    task = Colorization.build(config.parse(fusion.get_config()), None)
    return dataclasses.replace(task, model=Line(2, 2), augment=settings)


def _target(task: Colorization, state: TrainState, rgb: jax.Array) -> jax.Array:
    def step(state: TrainState) -> jax.Array:
        kept: list[jax.Array] = []
        probe = Probe(task.objective, kept.append)
        probed = dataclasses.replace(task, objective=probe)
        probed.train_step(state, {"rgb": rgb}, KEY, axis=None)
        return kept[0]

    return jax.jit(step)(state)


def test_only_the_input_ages() -> None:
    seen: dict[str, jax.Array] = {}
    rgb = jnp.asarray(PIXELS[..., :16, :16, :])
    for name, settings in (("off", OFF), ("all", ALL)):
        task = _task(settings)
        state = task.init(KEY, {"rgb": rgb})
        seen[name] = _target(task, state, rgb)
        before, after = (
            jax.jit(_task(s).eval_step)(state, {"rgb": rgb}) for s in (OFF, settings)
        )
        jax.tree.map(np.testing.assert_array_equal, before, after)
    np.testing.assert_array_equal(seen["off"], seen["all"])
    truth = rgb2lab(np.asarray(rgb))[..., 1:]
    np.testing.assert_allclose(seen["all"], truth, atol=0.01)


def _losses(settings: config.Augment, parallel: str, devices: int) -> list[float]:
    lane = steps.lane(_task(settings), parallel, 0, jax.devices()[:devices])
    batch = {"rgb": PIXELS[:, :16, :16]}
    state, losses = lane.init(batch), []
    for _ in range(3):
        state, scalars = lane.train_step(state, batch)
        losses.append(float(scalars["loss"]))
    return losses


def test_lanes_and_devices_age_alike() -> None:
    alone = _losses(ALL, "jit", 1)
    for parallel, devices in (("jit", 8), ("pmap", 2)):
        np.testing.assert_allclose(_losses(ALL, parallel, devices), alone, rtol=1e-5)
    off = _losses(OFF, "jit", 1)
    assert abs(off[0] - alone[0]) > 1e-5 * off[0]


def test_built_in_photographs_stay_photographs() -> None:
    """Aged by every effect at once, each still shows its own picture."""
    pictures = [p.open().resize((96, 64)) for p in photographs.builtin()]
    rgb = jnp.asarray(np.stack([np.asarray(p, np.uint8) for p in pictures]))
    before, after = (np.asarray(augment.age(rgb, KEY, s))[..., 0] for s in (OFF, ALL))
    for i, picture in enumerate(before):
        assert isinstance(pictures[i], Image.Image)
        alike = [np.corrcoef(picture.ravel(), old.ravel())[0, 1] for old in after]
        assert int(np.argmax(alike)) == i
        assert alike[i] > 0.5
