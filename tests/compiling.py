"""How XLA compiles in tests: most programs run once, and are waited for.

What is installed is run as it is by test_readme.py.
"""

import importlib.metadata
import os

# Its older emitters of loops take half the time; jaxlib 0.12 has only the newer ones.
_OLDER = "--xla_cpu_use_fusion_emitters=false"
_JAXLIB = tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2]))


def quickly() -> None:
    """For this process and all that it starts; before JAX is imported."""
    if _JAXLIB < (0, 11):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_OLDER}"
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"


def devices(n: int) -> dict[str, str]:
    """The environment for a command, with that many simulated devices."""
    given = os.environ.get("XLA_FLAGS", "")  # of two that differ the last counts
    flags = f"{given} --xla_force_host_platform_device_count={n}"
    return os.environ | {"XLA_FLAGS": flags}
