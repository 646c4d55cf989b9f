"""Zhang's network by numpy alone, in float64, on the authors' names and layouts."""

import numpy as np

from colorflax.color.bins import CENTRES

_BLOCKS = {  # convolutions: width; stride of the last; dilation
    1: (2, 64, 2, 1), 2: (2, 128, 2, 1), 3: (3, 256, 2, 1), 4: (3, 512, 1, 1),
    5: (3, 512, 1, 2), 6: (3, 512, 1, 2), 7: (3, 512, 1, 1),
}  # fmt: skip

Weights = dict[str, np.ndarray]


def random_weights(seed: int) -> Weights:
    """A state dictionary as of `colorizers/eccv16.py`, of plausible random numbers."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}

    def conv(name: str, *shape: int, fan: int, gain: float = 2.0) -> None:
        kernel = rng.standard_normal(shape, np.float32)
        weights[f"{name}.weight"] = kernel * np.float32(np.sqrt(gain / fan))

    def bias(name: str, n: int) -> None:
        weights[f"{name}.bias"] = rng.uniform(-0.2, 0.2, n).astype(np.float32)

    before = 1
    for i, (count, width, _, _) in _BLOCKS.items():
        for j in range(count):
            conv(f"model{i}.{2 * j}", width, before, 3, 3, fan=9 * before)
            bias(f"model{i}.{2 * j}", width)
            before = width
        norm = f"model{i}.{2 * count}"
        weights[f"{norm}.weight"] = rng.uniform(0.5, 1.5, width).astype(np.float32)
        bias(norm, width)
        weights[f"{norm}.running_mean"] = rng.uniform(0, 1, width).astype(np.float32)
        weights[f"{norm}.running_var"] = rng.uniform(0.5, 2, width).astype(np.float32)
        weights[f"{norm}.num_batches_tracked"] = np.array(9)
    conv("model8.0", 512, 256, 4, 4, fan=4 * 512)
    conv("model8.2", 256, 256, 3, 3, fan=9 * 256)
    conv("model8.4", 256, 256, 3, 3, fan=9 * 256)
    conv("model8.6", 313, 256, 1, 1, fan=256)
    for j, width in ((0, 256), (2, 256), (4, 256), (6, 313)):
        bias(f"model8.{j}", width)
    weights["model_out.weight"] = (CENTRES / 110).T[:, :, None, None]
    return weights


def logits(weights: Weights, L: np.ndarray) -> np.ndarray:
    """L (h, w) -> what the last convolution gives, (2 ceil(h/8), 2 ceil(w/8), 313)."""
    x = ((L - 50) / 100)[..., None].astype(np.float64)
    for i, (count, _, last, dilation) in _BLOCKS.items():
        for j in range(count):
            stride = last if j == count - 1 else 1
            x = _conv(weights, f"model{i}.{2 * j}", x, stride, dilation).clip(0)
        name = f"model{i}.{2 * count}"
        x = x - weights[f"{name}.running_mean"]
        x /= np.sqrt(weights[f"{name}.running_var"] + 1e-5)
        x = x * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    x = _transposed(weights, "model8.0", x).clip(0)
    x = _conv(weights, "model8.2", x).clip(0)
    x = _conv(weights, "model8.4", x).clip(0)
    return _conv(weights, "model8.6", x)


def _float64(kernel: np.ndarray) -> np.ndarray:
    """In the order in which matrix products read it."""
    return np.ascontiguousarray(kernel, np.float64)


def _conv(
    weights: Weights, name: str, x: np.ndarray, stride: int = 1, dilation: int = 1
) -> np.ndarray:
    """A sum over the places of the kernel, each a product with a shifted picture."""
    kernel = _float64(weights[f"{name}.weight"].transpose(2, 3, 1, 0))
    side = len(kernel)
    pad = dilation * (side // 2)
    h, w = x.shape[:2]
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    total: np.ndarray | float = weights[f"{name}.bias"]
    for y in range(side):
        for z in range(side):
            top, left = dilation * y, dilation * z
            seen = padded[top : top + h : stride, left : left + w : stride]
            total = total + seen @ kernel[y, z]
    return np.asarray(total)


def _transposed(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Each pixel paints the 4x4 kernel at stride 2; the border of 1 is cut off."""
    kernel = _float64(weights[f"{name}.weight"].transpose(2, 3, 0, 1))
    h, w = x.shape[:2]
    painted = np.zeros((2 * h + 2, 2 * w + 2, kernel.shape[-1]))
    for y in range(4):
        for z in range(4):
            painted[y : y + 2 * h : 2, z : z + 2 * w : 2] += x @ kernel[y, z]
    return painted[1:-1, 1:-1] + weights[f"{name}.bias"]


def enlarge(ab: np.ndarray) -> np.ndarray:
    """Bilinear by 4, pixel centres aligned (PyTorch: align_corners=False)."""
    for axis in (0, 1):
        n = ab.shape[axis]
        place = np.clip((np.arange(4 * n) + 0.5) / 4 - 0.5, 0, n - 1)
        low = np.floor(place).astype(int)
        share = (place - low).reshape(-1, *[1] * (2 - axis))
        high = np.minimum(low + 1, n - 1)
        ab = ab.take(low, axis) * (1 - share) + ab.take(high, axis) * share
    return ab
