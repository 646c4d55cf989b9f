"""`nn.Conv` of Flax, each on a CPU by the faster of two ways."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
from flax import linen as nn
from jax import export, lax
from jaxtyping import Array, Float

from colorflax.models.winograd import convolve

# Below any of these, the plain convolution is as fast or compiles for longer than the
# other saves: channels in times out, pixels of the result, multiplications.
_PAIRS, _PIXELS, _PRODUCTS = 2**11, 2**9, 2**28
_ONCE = 2  # times as many products, for one picture: it is coloured once, as a rule


def _convolve(
    x: Float[Array, "b h w c"],
    kernel: Float[Array, "k l d f"],
    strides: Sequence[int],
    padding: Any,
    **how: Any,
) -> Float[Array, "b h2 w2 f"]:
    """As `lax.conv_general_dilated`."""
    dilation: int = how["rhs_dilation"][0]
    keeps = padding == "SAME" or {*map(tuple, padding)} == {(dilation, dilation)}
    # A program for every size of picture is one for every machine too.
    anywhere = any(export.is_symbolic_dim(side) for side in x.shape[:3])
    small = kernel.shape[:3] == (3, 3, x.shape[-1]) and set(strides) == {1}
    if keeps and small and not anywhere:
        pairs, pixels = math.prod(kernel.shape[2:]), math.prod(x.shape[:3])
        many = pairs >= _PAIRS and pixels >= _PIXELS
        least = _PRODUCTS * (_ONCE if x.shape[0] == 1 else 1)
        if many and 9 * pairs * pixels >= least:
            return convolve(x, kernel, dilation)
    plain: jax.Array = lax.conv_general_dilated(x, kernel, strides, padding, **how)
    return plain


Conv = functools.partial(nn.Conv, conv_general_dilated=_convolve)
"""`nn.Conv`, with its parameters and their names, to rounding."""
