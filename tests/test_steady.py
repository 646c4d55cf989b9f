"""Colours that stay: averages along the motion, and none over what is not the same."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from colorflax.painting import steady
from colorflax.painting.steady import Memory

_STRIDE = 4


def _texture(h: int, w: int, seed: int = 0) -> np.ndarray:
    """Grey, smooth enough to be followed, rough enough to be told apart."""
    noise = np.random.default_rng(seed).normal(size=(h, w))
    smooth = ndimage.gaussian_filter(noise, 3)
    return 0.5 + 0.15 * smooth / smooth.std()


def _rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(np.round(255 * grey.clip(0, 1))[None, ..., None], 3, 3).astype(
        np.uint8
    )


def _heads(n: int, grid: tuple[int, int], seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1, *grid, 3)).astype(np.float32)


def _run(frames: list[np.ndarray], heads: np.ndarray, most: float) -> list[Memory]:
    memory, found = None, []
    for grey, head in zip(frames, heads, strict=True):
        memory = steady.follow(memory, jnp.asarray(head), _rgb(grey), most)
        found.append(memory)
    return found


def test_what_stands_still_is_the_mean_of_what_was_said() -> None:
    """Of all frames up to `most`; from there on the newest counts for one of them."""
    heads = _heads(12, (16, 24))
    found = _run([_texture(64, 96)] * 12, heads, most=5)
    for n in (1, 2, 5):
        mean = heads[:n].mean(0)
        np.testing.assert_allclose(found[n - 1].said, mean, atol=1e-4)
        np.testing.assert_allclose(found[n - 1].frames, n, atol=1e-3)
    for i in range(5, 12):
        expected = (4 * np.asarray(found[i - 1].said) + heads[i]) / 5
        np.testing.assert_allclose(found[i].said, expected, atol=1e-3)


@pytest.mark.parametrize("most", [0, 1])
def test_nothing_is_averaged_over_one_frame(most: float) -> None:
    heads = _heads(3, (16, 24))
    for memory, head in zip(
        _run([_texture(64, 96)] * 3, heads, most), heads, strict=True
    ):
        np.testing.assert_allclose(memory.said, head, atol=1e-6)


def test_black_frames_are_frames() -> None:
    """Nothing can be followed there, nothing breaks, and what comes after is new."""
    black, grey = np.zeros((64, 96)), _texture(64, 96)
    heads = _heads(5, (16, 24))
    found = _run([grey, black, black, black, grey], heads, most=100)
    np.testing.assert_allclose(found[3].said, heads[1:4].mean(0), atol=1e-5)
    np.testing.assert_allclose(found[4].said, heads[4], atol=1e-5)


@pytest.mark.parametrize("speed", [(0, 4), (2, -3)])  # px a frame, down and right
def test_what_moves_is_averaged_along_its_way(speed: tuple[int, int]) -> None:
    """Said of a thing that moves, noise shrinks and the thing is not smeared."""
    n, h, w = 8, 128, 192
    wide = _texture(h + 64, w + 64)
    said_wide = ndimage.gaussian_filter(
        np.random.default_rng(5).normal(size=(*wide.shape, 3)), (8, 8, 0)
    )
    said_wide /= said_wide.std()
    frames, clean = [], []
    for i in range(n):
        y, x = (32 - i * s for s in speed)
        frames.append(wide[y : y + h, x : x + w])
        cells = said_wide[y : y + h, x : x + w].reshape(
            h // _STRIDE, _STRIDE, w // _STRIDE, _STRIDE, 3
        )
        clean.append(cells.mean((1, 3))[None])
    noise = 0.5 * _heads(n, (h // _STRIDE, w // _STRIDE))
    heads = np.array(clean, np.float32) + noise
    last = _run(frames, heads, most=100)[-1]
    middle = np.s_[:, 10:-10, 12:-12]

    def error(said: object) -> float:
        return float(np.std((np.asarray(said) - clean[-1])[middle]))

    assert error(heads[-1]) == pytest.approx(0.5, rel=0.1)
    assert error(heads.mean(0)) > 0.5  # smeared
    assert error(last.said) < 0.27  # 0.18 is what eight frames leave of the noise
    assert np.asarray(last.frames)[10:-10, 12:-12].mean() > 6


@pytest.mark.parametrize("contrast", [1.0, 0.25])
def test_a_cut_begins_anew(contrast: float) -> None:
    """Also from one dim picture to another."""
    heads = _heads(4, (16, 24))
    one, other = (0.1 + contrast * (_texture(64, 96, i) - 0.1) for i in (0, 9))
    found = _run([one, one, other, other], heads, most=100)
    np.testing.assert_allclose(found[2].said, heads[2], atol=1e-6)
    np.testing.assert_array_equal(found[2].frames, 1)
    np.testing.assert_allclose(found[3].frames, 2, atol=1e-3)


def test_a_lamp_that_flickers_is_no_cut() -> None:
    grey = _texture(64, 96)
    heads = _heads(3, (16, 24))
    found = _run([grey, grey + 0.15, grey - 0.1], heads, most=100)
    assert np.median(found[-1].frames) > 2.9


def test_what_comes_out_from_behind_is_new() -> None:
    """A bright square moves; where it was, nothing is known, and around it all is."""
    h, w = 128, 192
    frames = []
    for left in (48, 64):
        grey = _texture(h, w).clip(0, 0.7)
        grey[32:96, left : left + 64] = 1
        frames.append(grey)
    last = _run(frames, _heads(2, (32, 48)), most=100)[-1]
    count = np.asarray(last.frames)
    assert count[12:20, 13:15].max() < 1.2  # where it was and is no more
    assert np.median(count[:, 36:]) > 1.95


def test_another_size_begins_anew() -> None:
    one = steady.follow(
        None, jnp.asarray(_heads(1, (16, 24))[0]), _rgb(_texture(64, 96)), 9
    )
    head = jnp.asarray(_heads(1, (16, 16))[0])
    other = steady.follow(one, head, _rgb(_texture(64, 64)), 9)
    np.testing.assert_array_equal(other.said, head)
