"""What the compiler is asked for beyond its defaults, where that pays."""

import functools

import jax


@functools.cache
def options(platform: str | None = None) -> dict[str, str] | None:
    """`compiler_options` of a `jax.jit` in which a network runs.

    On a CPU, XLA gives convolutions to a library that is slower than its own kernels,
    three times so for the kernel gradients of wide shallow layers (jaxlib 0.10); here
    it keeps them. See `python -m launch.bench train`.

    Args:
        platform: cpu, gpu or tpu; that of JAX's default if None.
    """
    if (platform or jax.default_backend()) != "cpu":
        return None
    # What that library may have: no convolutions. Sums are worth a tenth of a step.
    kinds = ("LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT", "LIBRARY_FUSION_TYPE_REDUCE")
    wanted = {"xla_cpu_experimental_ynn_fusion_type": ",".join(kinds)}
    try:
        jax.jit(lambda: 0, compiler_options=wanted).lower().compile()
    except jax.errors.JaxRuntimeError:  # another jaxlib, without that option
        return None
    return wanted
