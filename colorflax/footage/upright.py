"""A decoded frame as it is shown: of one time, in sRGB, upright."""

import contextlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

_BT601, _BT709, _UNTOLD, _LIMITED = 5, 1, 2, 1  # as H.264 numbers matrices and ranges
# As swscale numbers them: bilinear, chroma at each pixel, and rounding in place of
# truncating, which took half a grey level from each channel.
_EXACT = 0x2 | 0x2000 | 0x40000


def deinterlaced(frames: Iterator[Any], time_base: Fraction) -> Iterator[Any]:
    """As many frames, each of the lines of one time; those of one time as they are."""
    graph: Any = None
    size: tuple[int, int, str] | None = None
    for frame in itertools.chain(frames, [None]):
        if graph is not None and (frame is None or size != _shape(frame)):
            graph.push(None)
            yield from _pulled(graph, time_base)
            graph = None
        if frame is None:
            return
        if graph is None:
            size = _shape(frame)
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format,
                time_base=time_base,
            )  # fmt: skip
            graph.link_nodes(
                source,
                graph.add("bwdif", "mode=send_frame:deint=interlaced"),
                graph.add("buffersink"),
            ).configure()
        graph.push(frame)
        yield from _pulled(graph, time_base)


def _shape(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _pulled(graph: Any, time_base: Fraction) -> Iterator[Any]:
    with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            frame = graph.pull()
            if frame.pts is not None:  # few files do not say when
                frame.pts = round(frame.pts * frame.time_base / time_base)
            frame.time_base = time_base
            yield frame


def upright(
    frame: Any, size: tuple[int, int] | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """As it is shown; of that width and height, should its own change on the way."""
    lies, right, down = turn(frame)
    w, h = size or (frame.width, frame.height)
    if size and lies:
        w, h = h, w
    pixels = _rgb(frame, w, h)
    if lies:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[::down, ::right])


def _rgb(frame: Any, w: int, h: int) -> UInt8[np.ndarray, "h w 3"]:
    matrix = frame.colorspace
    if matrix == _UNTOLD:  # as players take it
        matrix = _BT709 if frame.height >= 720 else _BT601
    rgb = frame.reformat(w, h, "rgb24", src_colorspace=matrix, interpolation=_EXACT)
    pixels: UInt8[np.ndarray, "h w 3"] = rgb.to_ndarray()
    if frame.format.name.startswith("gray") and frame.color_range == _LIMITED:
        # Which FFmpeg takes for the full range, whatever it says.
        grey = (np.arange(256) - 16) * (255 / 219)
        pixels = grey.clip(0, 255).round().astype(np.uint8)[pixels]
    return pixels


def turn(frame: Any) -> tuple[bool, int, int]:
    """Whether rows are shown as columns; then 1 or -1, from which ends.

    From the matrix of ISO 14496-12, by which x' = a x + c y and y' = b x + d y, as far
    as it turns by right angles and mirrors.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, 1, 1
    (a, b, _), (c, d, _), _ = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)
    if abs(b) > abs(a):
        return True, -1 if c < 0 else 1, -1 if b < 0 else 1
    return False, -1 if a < 0 else 1, -1 if d < 0 else 1
