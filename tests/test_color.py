"""Lab conversion against scikit-image, on every 8-bit colour there is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.color import lab2rgb, rgb2lab

from colorflax import color

_RNG = np.random.default_rng(0)


def _all_colours(red: int) -> np.ndarray:
    """Sixteen reds by every green and blue: (16, 256, 256, 3)."""
    codes = np.arange(256, dtype=np.uint8)
    grid = np.meshgrid(codes[red : red + 16], codes, codes, indexing="ij")
    return np.stack(grid, axis=-1)


@pytest.mark.parametrize("red", range(0, 256, 16))
def test_every_colour_agrees_and_survives(red: int):
    rgb = _all_colours(red)
    lab = jax.jit(color.rgb_to_lab)(rgb)
    np.testing.assert_allclose(np.asarray(lab), rgb2lab(rgb), rtol=0, atol=1e-3)
    back = jax.jit(lambda lab: color.to_uint8(color.lab_to_rgb(lab)))(lab)
    assert np.array_equal(np.asarray(back), rgb)


def test_float_agrees_with_uint8():
    codes = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    mixed = _RNG.permuted(codes, axis=0)
    for rgb in (codes, mixed):
        exact = color.rgb_to_lab(rgb)
        for dtype in (np.float32, np.float64):
            lab = color.rgb_to_lab((rgb / 255).astype(dtype))
            np.testing.assert_allclose(lab, exact, rtol=0, atol=5e-4)


def test_inverse_agrees_inside_srgb():
    lab = rgb2lab(_RNG.random((1000, 3))).astype(np.float32)
    np.testing.assert_allclose(color.lab_to_rgb(lab), lab2rgb(lab), rtol=0, atol=1e-5)


def test_outside_srgb_is_not_clipped():
    rgb = color.lab_to_rgb(np.float32([[50, 120, 0], [95, 0, -90]]))
    assert rgb.min() < 0
    assert rgb.max() > 1
    assert np.array_equal(
        color.to_uint8(np.float32([-0.2, 0.5019, 1.3])), [0, 128, 255]
    )


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 3), (2, 1, 4, 5, 3)])
def test_any_leading_shape(shape: tuple[int, ...]):
    rgb = _RNG.integers(0, 256, shape, np.uint8)
    lab = color.rgb_to_lab(rgb)
    assert lab.shape == shape
    assert lab.dtype == jnp.float32
    flat = color.rgb_to_lab(rgb.reshape(-1, 3)).reshape(shape)
    np.testing.assert_array_equal(lab, flat)


def test_jit_vmap_and_pmap_agree():
    rgb = _RNG.integers(0, 256, (8, 5, 7, 3), np.uint8)
    plain = np.asarray(color.rgb_to_lab(rgb))
    for transform in (jax.jit, jax.vmap, jax.pmap):
        lab = transform(color.rgb_to_lab)(rgb)
        np.testing.assert_allclose(np.asarray(lab), plain, rtol=0, atol=1e-4)
        back = np.asarray(transform(color.lab_to_rgb)(lab))
        np.testing.assert_allclose(back, rgb / 255, rtol=0, atol=1e-5)


_EDGES = [0.0, 1e-6, 0.003, 0.0031308, 0.008856, 0.04045, 0.2068966, 0.5, 1.0]


@pytest.mark.parametrize("dtype", [np.float64, np.float16, jnp.bfloat16])
def test_light_of_any_float_is_taken_as_float32(dtype: type):
    light = np.linspace(0, 1, 15).reshape(5, 3).astype(dtype)
    with jax.enable_x64(True):
        for convert in (color.linear_to_rgb, color.lightness):
            found = convert(jnp.asarray(light))
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, convert(light.astype(np.float32)))


def test_gradients_are_finite():
    rgb = jnp.stack(jnp.meshgrid(*[jnp.array(_EDGES)] * 3), axis=-1).reshape(-1, 3)
    lab = jnp.concatenate(
        [
            color.rgb_to_lab(rgb),
            jnp.array([[0.0, 80, -80], [100, -128, 127], [0, 0, 0]]),
        ]
    )
    for function, points in ((color.rgb_to_lab, rgb), (color.lab_to_rgb, lab)):
        for jacobian in (jax.jacrev(function), jax.jacfwd(function)):
            assert np.isfinite(np.asarray(jax.jit(jax.vmap(jacobian))(points))).all()


@pytest.mark.parametrize("rgb", [[0.0, 0.0, 0.0], [0.02, 0.5, 0.9], [0.7, 0.1, 0.3]])
def test_gradients_agree_with_float64_differences(rgb: list[float]):
    step = 1e-5
    slope = [
        (rgb2lab(np.array(rgb) + step * e) - rgb2lab(np.array(rgb) - step * e))
        / (2 * step)
        for e in np.eye(3)
    ]
    point = jnp.array(rgb)
    jacobian = jax.jacrev(color.rgb_to_lab)(point)
    np.testing.assert_allclose(jacobian, np.stack(slope, axis=1), rtol=2e-3, atol=0.05)
    inverse = jax.jacrev(color.lab_to_rgb)(color.rgb_to_lab(point))
    np.testing.assert_allclose(inverse @ jacobian, np.eye(3), rtol=0, atol=5e-3)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
def test_other_dtypes_are_refused(dtype: type):
    with pytest.raises(TypeError, match="uint8"):
        color.rgb_to_lab(np.zeros((2, 3), dtype))
