"""What the compiler is asked for beyond its defaults, where that pays."""

import functools

import jax


@functools.cache
def options(platform: str | None = None) -> dict[str, str] | None:
    """`compiler_options` of a `jax.jit` in which a network runs.

    On a CPU, XLA gives convolutions to a library that is slower than its own kernels,
    three times so for the kernel gradients of wide shallow layers (jaxlib 0.10); here
    it keeps them. And it orders operations for as many at once as there may be, where
    those of a network follow each other: here for the least memory, as a step's time
    is to a good part that of its first touch. See `python -m launch.bench train`.

    Args:
        platform: cpu, gpu or tpu; that of JAX's default if None.
    """
    if (platform or jax.default_backend()) != "cpu":
        return None
    # What that library may have: no convolutions. Sums are worth a tenth of a step.
    kinds = ("LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT", "LIBRARY_FUSION_TYPE_REDUCE")
    wanted = {
        "xla_cpu_experimental_ynn_fusion_type": ",".join(kinds),
        "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
    }
    try:
        jax.jit(lambda: 0, compiler_options=wanted).lower().compile()
    except jax.errors.JaxRuntimeError:  # another jaxlib, without that option
        return None
    return wanted
