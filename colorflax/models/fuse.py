"""A vector about the whole photograph joins the features at every position."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class Fuse(nn.Module):
    """A 1x1 convolution over [image features, vector tiled at every position].

    The tiled part of that convolution is the same everywhere, so it is one product per
    photograph, broadcast: the wide concatenated tensor never exists.
    """

    features: int
    use_bias: bool = True
    dtype: DTypeLike = jnp.float32  # of the products; the parameters are float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], vector: Float[Array, "b e"] | None
    ) -> Float[Array, "b h w {self.features}"]:
        """Linear; without a vector, a 1x1 convolution over the features alone."""
        c, e = x.shape[-1], 0 if vector is None else vector.shape[-1]
        # One kernel, initialised at the fan-in of the concatenation.
        kernel = self.param(
            "kernel", nn.linear.default_kernel_init, (c + e, self.features)
        )
        kernel = kernel.astype(self.dtype)
        x = jnp.einsum("bhwc,cf->bhwf", x.astype(self.dtype), kernel[:c])
        if vector is not None:
            x = x + (vector.astype(self.dtype) @ kernel[c:])[:, None, None, :]
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            x = x + bias.astype(self.dtype)[None, None, None, :]
        return x
