"""Colours that stay from frame to frame of a film.

A network looks at each frame by itself, and changes its mind at the least grain. What
it says is averaged here over time, along the motion: of each place, with what was said
of the same place in the frames before. Where nothing in the frame before is like it,
after a cut or behind something that has moved, the average begins anew.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float, Int, UInt8
from skimage.registration import optical_flow_ilk

_RADIUS, _WARPS = 5, 4  # of the optical flow: more was slower, and no steadier
# Places that differ by more are not the same: by a share of the frame's contrast, as
# dim pictures are alike in being dim, but within what grain makes, and, of white, this.
_ALIKE, _LEAST, _MOST = 0.25, 0.02, 0.06
_CUT = 0.4  # if less of a frame than this is like the one before, none is


class Memory(NamedTuple):
    """What is known of a film up to a frame.

    Attributes:
        seen: that frame, half as large as the network saw it; black 0, white 1.
        said: the average of what was said of each place.
        frames: of how many.
    """

    seen: Float[Array | np.ndarray, "h w"]
    said: Float[Array, "1 y x c"]
    frames: Float[Array, "y x"]


def follow(
    memory: Memory | None,
    head: Float[Array, "1 y x c"],
    rgb: UInt8[np.ndarray, "1 H W 3"],
    most: int | float,
) -> Memory:
    """The memory after one more frame; its `said` is what to colour that with.

    Args:
        memory: up to the frame before; None if there is none.
        head: what the network said of the frame.
        rgb: what it saw, of even sides.
        most: how many frames an average is over at most; with 1 or less, each frame is
            by itself.
    """
    seen = _half(rgb)
    if memory is None or memory.said.shape != head.shape or most <= 1:
        return Memory(seen, head, jnp.ones(head.shape[1:3]))
    before = np.asarray(memory.seen)  # it never left the host
    # A lamp that flickers moves nothing.
    level = seen - np.median(seen - before)
    flow = optical_flow_ilk(level, before, radius=_RADIUS, num_warp=_WARPS)
    said, frames = _average(memory, head, level, flow.astype(np.float32), most)
    return Memory(seen, said, frames)


def _half(rgb: UInt8[np.ndarray, "1 H W 3"]) -> Float[np.ndarray, "h w"]:
    h, w = rgb.shape[1] // 2, rgb.shape[2] // 2
    blocks = rgb.reshape(h, 2, w, 2, 3).astype(np.float32)
    return blocks.mean((1, 3, 4)) / np.float32(255)


@jax.jit
def _average(
    memory: Memory,
    head: Float[Array, "1 y x c"],
    level: Float[Array | np.ndarray, "h w"],
    flow: Float[Array | np.ndarray, "2 h w"],
    most: int | float | Float[Array, ""] | Int[Array, ""],
) -> tuple[Float[Array, "1 y x c"], Float[Array, "y x"]]:
    came = _taken(jnp.asarray(memory.seen)[..., None], flow)[..., 0]
    differs = jnp.abs(_blurred(jnp.asarray(level) - came))
    grid = head.shape[1:3]
    share = jnp.array(grid) / jnp.array(level.shape)
    moved = jax.image.resize(flow, (2, *grid), "linear") * share[:, None, None]
    places = jnp.indices(grid) + moved
    ends = jnp.array(grid)[:, None, None] - 0.5
    inside = jnp.all((places > -0.5) & (places < ends), axis=0)
    allowed = jnp.clip(_ALIKE * jnp.std(jnp.asarray(level)), _LEAST, _MOST)
    alike = jnp.exp(-((jax.image.resize(differs, grid, "linear") / allowed) ** 2))
    alike = jnp.where(jnp.mean(alike) < _CUT, 0.0, alike * inside)
    known = _taken(memory.frames[..., None], moved) * alike[..., None]
    known = jnp.clip(known, 0, most - 1)
    # What was said as probabilities of colours is averaged as their logarithms.
    said = (_taken(memory.said[0], moved) * known + head[0]) / (known + 1)
    return said[None], known[..., 0] + 1


def _taken(
    x: Float[Array, "h w c"], flow: Float[Array | np.ndarray, "2 h w"]
) -> Float[Array, "h w c"]:
    """`x` where the flow leads to, bilinearly; the edge repeats."""
    places = list(jnp.indices(flow.shape[1:]) + flow)

    def one(channel: Float[Array, "h w"]) -> Float[Array, "h w"]:
        return map_coordinates(channel, places, order=1, mode="nearest")

    return jax.vmap(one, in_axes=-1, out_axes=-1)(x)


def _blurred(x: Float[Array, "h w"]) -> Float[Array, "h w"]:
    """Means over 3x3 pixels."""
    padded = jnp.pad(x, 1, mode="edge")
    h, w = x.shape
    taps = [padded[i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return jnp.mean(jnp.stack(taps), axis=0)
