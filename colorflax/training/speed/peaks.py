"""What an accelerator can do at most, by its maker's figures."""

# Dense TFLOP/s of one device as JAX counts them, for networks in float32 and bfloat16.
# NVIDIA: the data sheet of each, without sparsity. JAX multiplies float32 in the tensor
# cores' TF32 where there is such a thing; where there are no units for bfloat16, no
# figure is given. TPU: Google's "TPU versions" (cloud.google.com/tpu/docs), for v2 and
# v3 half a chip, which is a device there; float32 is multiplied as bfloat16 by default.
_TFLOPS: dict[str, tuple[float, float | None]] = {
    "Tesla V100-SXM2": (15.7, None),
    "Tesla V100-PCIE": (14.0, None),
    "Tesla T4": (8.1, None),
    "NVIDIA A10": (62.5, 125.0),
    "NVIDIA A10G": (35.0, 70.0),
    "NVIDIA A100": (156.0, 312.0),
    "NVIDIA L4": (60.5, 121.0),
    "NVIDIA L40S": (183.0, 362.0),
    "NVIDIA H100 80GB HBM3": (494.5, 989.0),
    "NVIDIA H100 NVL": (417.5, 835.0),
    "NVIDIA H100 PCIe": (378.0, 756.0),
    "NVIDIA H200": (494.5, 989.0),
    "NVIDIA H200 NVL": (417.5, 835.0),
    "TPU v2": (22.5, 22.5),
    "TPU v3": (61.5, 61.5),
    "TPU v4": (275.0, 275.0),
    "TPU v5": (459.0, 459.0),
    "TPU v5p": (459.0, 459.0),
    "TPU v5 lite": (197.0, 197.0),
    "TPU v5e": (197.0, 197.0),
    "TPU v6 lite": (918.0, 918.0),
    "TPU v6e": (918.0, 918.0),
}


def peak(kind: str, dtype: str) -> float | None:
    """FLOP/s of a device; None where that is not known.

    Args:
        kind: the device's `device_kind`. What follows a name that is known may say how
            much memory it has; a slice of a GPU (MIG) is not that GPU.
        dtype: float32 or bfloat16, of the network.
    """
    fitting = [
        name
        for name in _TFLOPS
        if kind == name or (kind.startswith((f"{name} ", f"{name}-")))
    ]
    if not fitting or " MIG " in f"{kind} ":
        return None
    # TPUs are not told apart by memory: what follows makes it another one.
    name = max(fitting, key=len)
    if name.startswith("TPU") and kind != name:
        return None
    tflops = _TFLOPS[name][("float32", "bfloat16").index(dtype)]
    return None if tflops is None else tflops * 1e12
