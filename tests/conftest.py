"""Every test runs on eight simulated CPU devices, with shapes checked."""

import os
import tempfile

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Nothing is read from or left in the caches of whoever runs the tests.
_CACHE = tempfile.TemporaryDirectory(prefix="colorflax-tests-")
os.environ["COLORFLAX_CACHE"] = _CACHE.name
os.environ["KERAS_HOME"] = os.path.join(_CACHE.name, "keras")

import jax
import numpy as np
import pytest
from PIL import Image

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of twelve small pictures whose colour can be told from their L."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(12):
        L = rng.integers(60, 200, (6, 8)).astype(np.float32)
        L = np.asarray(Image.fromarray(L).resize((40, 30), Image.Resampling.BICUBIC))
        rgb = np.stack([L + 40, L, 1.2 * L - 60], axis=-1).clip(0, 255)
        Image.fromarray(rgb.astype(np.uint8)).save(root / f"{i}.png")
    return str(root)
