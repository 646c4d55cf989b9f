"""What a PNG says of its gamma, as a colour profile.

PNG (third edition), 11.3.2.2 and 12.1: a gAMA chunk holds the exponent of encoding, and
counts where there is neither a profile nor a chunk that says sRGB.
"""

import struct

from PIL import Image

_SRGB = 0.45455  # 1 / 2.2, which the specification tells writers of sRGB to say
_NEAR = 0.02
# sRGB's red, green and blue, and white, adapted to D50; in 1/65536.
_PRIMARIES = {
    b"rXYZ": (0x6FA2, 0x38F5, 0x0390),
    b"gXYZ": (0x6299, 0xB785, 0x18DA),
    b"bXYZ": (0x24A0, 0x0F84, 0xB6CF),
}
_WHITE = (0xF6D6, 0x10000, 0xD32D)


def profile(image: Image.Image) -> bytes | None:
    """A picture's colour profile (ICC), or one that says the same as its gamma.

    Returns:
        The latter has version 4 and sRGB's primaries; None stands for sRGB.
    """
    gamma = image.info.get("gamma")
    if not gamma or "icc_profile" in image.info or "srgb" in image.info:
        return image.info.get("icc_profile")
    if abs(gamma - _SRGB) < _NEAR or not 0.1 <= gamma <= 2:  # or nonsense
        return None
    grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
    curve = b"para" + struct.pack(">IHHi", 0, 0, 0, round(65536 / gamma))
    tags = {b"wtpt": _xyz(_WHITE)}
    if grey:
        tags[b"kTRC"] = curve
    else:
        tags |= {name: _xyz(values) for name, values in _PRIMARIES.items()}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at = 128 + 4 + 12 * len(tags)
    index, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        index += struct.pack(">4sII", name, at + len(body), len(content))
        body += content
    size = at + len(body)
    head = struct.pack(">I4xI4s4s4s", size, 0x4000000, b"mntr", _space(grey), b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3I", *_WHITE)
    return head.ljust(128, b"\0") + index + body


def _space(grey: bool) -> bytes:
    return b"GRAY" if grey else b"RGB "


def _xyz(values: tuple[int, int, int]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *values)
