"""How near a picture is to another."""

import numpy as np


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Of uint8 RGB, in dB."""
    difference = picture.astype(float) - truth
    return float(10 * np.log10(255**2 / np.mean(difference**2)))
