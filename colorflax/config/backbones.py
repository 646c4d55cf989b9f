"""The classifiers of keras.applications: all of them, and what we know of each.

The table is ours and not asked of Keras: settings are checked with it before JAX and
Keras are imported, and Keras tells addresses and digests to nobody but itself. A test
compares the two.
"""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colorflax.errors import UserError

_HOST = "https://storage.googleapis.com/"
_FILES = _HOST + "tensorflow/keras-applications/"

Scaling = Literal["tf", "torch", "caffe", "inside", "efficientnet"]
"""What becomes of RGB in [0, 255]: Keras's three modes, or the network's own affair."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What has to be known about one of the classifiers in keras.applications."""

    constructor: str
    size: int  # side of the square input, in pixels
    scaling: Scaling
    url: str  # of the pretrained weights
    digest: str  # MD5 or SHA-256 of that file, in hex; "" where none is known
    random_gain: float  # on the last kernel; measured: gives logits a std near 1

    @property
    def path(self) -> Path:
        """Where the pretrained weights are kept, among those of Keras."""
        home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
        return home / "models" / self.url.rpartition("/")[2]


def _family(scaling: Scaling, url: str, table: str) -> dict[str, Architecture]:
    """Of each: name, constructor, side, log2 of the random gain, digest or "-".

    In `url`, {name} is the name, {joined} the name without underscores and {tail} its
    last part; {kernels} is what most files are called.
    """
    cells = iter(table.split())
    return {
        name: Architecture(
            constructor=constructor,
            size=int(size),
            scaling=scaling,
            url=url.format(
                name=name,
                joined=name.replace("_", ""),
                tail=name.split("_")[-1],
                kernels="weights_tf_dim_ordering_tf_kernels",
            ),
            digest="" if digest == "-" else digest,
            random_gain=2.0 ** int(gain),
        )
        for name, constructor, size, gain, digest in zip(*[cells] * 5, strict=True)
    }


# Gains are powers of two: scaled by them, random weights are the same bits everywhere.
BACKBONES: dict[str, Architecture] = {
    **_family(
        "tf",
        _FILES + "{name}/{name}_{kernels}.h5",
        """
        inception_resnet_v2 InceptionResNetV2 299  -2 e693bd0210a403b3192acc6073ad2e96
        inception_v3        InceptionV3       299   0 9a0d58056eeedaa3f26cb7ebd46da564
        xception            Xception          299 -19 0a58e3b7378bc2990ea3b43d5981f1f6
        """,
    ),
    **_family(
        "caffe",
        _FILES + "{name}/{name}_{kernels}.h5",
        """
        vgg16               VGG16             224  -7 64373286793e3c8b2b4e3219cbf3544b
        vgg19               VGG19             224  -7 cbe5617147190e668d6c5d5026f83318
        """,
    ),
    **_family(
        "caffe",
        _FILES + "resnet/{joined}_{kernels}.h5",
        """
        resnet50            ResNet50          224 -16 2cb95161c43110f7111970584f804107
        resnet101           ResNet101         224 -26 f1aeb4b969a6efcfb50fad2f0c20cfc5
        resnet152           ResNet152         224 -37 100835be76be38e30d865e96f2aaae62
        """,
    ),
    **_family(
        "tf",
        _FILES + "resnet/{joined}_{kernels}.h5",
        """
        resnet50_v2         ResNet50V2        224  -7 3ef43a0b657b3be2300d5770ece849e0
        resnet101_v2        ResNet101V2       224 -16 6343647c601c52e1368623803854d971
        resnet152_v2        ResNet152V2       224 -24 a49b44d1979771252814e80f8ec446f9
        """,
    ),
    **_family(
        "torch",
        _FILES + "densenet/{joined}_{kernels}.h5",
        """
        densenet121         DenseNet121       224   0 9d60b8095a5708f2dcce2bca79d332c7
        densenet169         DenseNet169       224   0 d699b8f76981ab1b30698df4c175e90b
        densenet201         DenseNet201       224   0 1ceb130c1ea1b78c3bf6114dbdfd8807
        """,
    ),
    # Keras checks neither of these two. The digest is the one that several projects,
    # which pinned the file themselves, agree on; nobody seems to have pinned the other.
    **_family(
        "tf",
        _FILES + "mobilenet/mobilenet_1_0_224_tf.h5",
        "mobilenet MobileNet 224 2 -",
    ),
    **_family(
        "tf",
        _FILES + "mobilenet_v2/mobilenet_v2_{kernels}_1.0_224.h5",
        """
        mobilenet_v2        MobileNetV2       224  -2
        3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3
        """,
    ),
    **_family(
        "inside",
        _FILES + "mobilenet_v3/weights_mobilenet_v3_{tail}_224_1.0_float.h5",
        """
        mobilenet_v3_small  MobileNetV3Small  224  -2 8768d4c2e7dee89b9d02b2d03d65d862
        mobilenet_v3_large  MobileNetV3Large  224  -4 59e551e166be033d707958cf9e29a6a7
        """,
    ),
    **_family(
        "tf",
        _FILES + "nasnet/NASNet-{tail}.h5",
        """
        nasnet_mobile       NASNetMobile      224 -12 020fb642bf7360b370c678b08e0adf61
        nasnet_large        NASNetLarge       331 -17 11577c9a518f0070763c2b964a382f17
        """,
    ),
    **_family(
        "efficientnet",
        _HOST + "keras-applications/efficientnet{tail}.h5",
        """
        efficientnet_b0     EfficientNetB0    224  11 902e53a9f72be733fc0bcb005b3ebbac
        efficientnet_b1     EfficientNetB1    240  10 1d254153d4ab51201f1646940f018540
        efficientnet_b2     EfficientNetB2    260   9 b15cce36ff4dcbd00b6dd88e7857a6ad
        efficientnet_b3     EfficientNetB3    300  11 ffd1fdc53d0ce67064dc6a9c7960ede0
        efficientnet_b4     EfficientNetB4    380  10 18c95ad55216b8f92d7e70b3a046e2fc
        efficientnet_b5     EfficientNetB5    456   7 ace28f2a6363774853a83a0b21b9421a
        efficientnet_b6     EfficientNetB6    528   5 165f6e37dce68623721b423839de8be5
        efficientnet_b7     EfficientNetB7    600 -14 8c03f828fec3ef71311cd463b6759d99
        """,
    ),
    **_family(
        "inside",
        _FILES + "efficientnet_v2/efficientnetv2-{tail}.h5",
        """
        efficientnet_v2_b0  EfficientNetV2B0  224 -10 21ecbf6da12460d5c40bb2f29ceb2188
        efficientnet_v2_b1  EfficientNetV2B1  240 -14 069f0534ff22adf035c89e2d9547a9dc
        efficientnet_v2_b2  EfficientNetV2B2  260 -15 424e49f28180edbde1e94797771950a7
        efficientnet_v2_b3  EfficientNetV2B3  300 -14 1f1fc43bd98a6e4fd8fdfd551e02c7a0
        efficientnet_v2_s   EfficientNetV2S   384 -20 e1d88a8495beba45748fedd0cecbe016
        efficientnet_v2_m   EfficientNetV2M   480 -25 a3bf6aa3276309f4fc6a34aa114c95cd
        efficientnet_v2_l   EfficientNetV2L   480 -39 27e6d408b53c7ebc868fefa357689935
        """,
    ),
    **_family(
        "inside",
        _FILES + "convnext/convnext_{tail}.h5",
        """
        convnext_tiny       ConvNeXtTiny      224  -1
        8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff
        convnext_small      ConvNeXtSmall     224   0
        ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c
        convnext_base       ConvNeXtBase      224  -1
        52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6
        convnext_large      ConvNeXtLarge     224   0
        070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6
        convnext_xlarge     ConvNeXtXLarge    224  -1
        c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee
        """,
    ),
}


def check(name: str, what: str) -> None:
    """Raise `UserError` unless there is a backbone of this name.

    Args:
        name: what somebody asked for.
        what: where, to begin the sentence with.
    """
    if name in BACKBONES:
        return
    near = difflib.get_close_matches(name.lower(), BACKBONES) or ["inception_resnet_v2"]
    raise UserError(
        f"{what} cannot be {name!r}; choose {', '.join(near)} or another of the "
        f"{len(BACKBONES)} that `python -m colorflax.prepare --help` names"
    )
