"""Frozen pretrained backbones: a grey photograph becomes an embedding vector.

The only room that knows Keras, which is imported when a network is built and not
before. The embedding is the logits of an ImageNet classifier with a zero in front,
the place of the background class in TF-slim, where the first such embeddings came
from: 1001 numbers (Deep Koalarization, arXiv 1712.03400, on Inception-ResNet-v2,
arXiv 1602.07261).

Downwards: embeddings, backbone, scaling, weights, download, runtime.
"""

from colorflax.config.backbones import BACKBONES, Architecture
from colorflax.features.backbone import WIDTH, Backbone, build, fit, grey
from colorflax.features.embeddings import Embeddings, embed_photographs
from colorflax.features.weights import (
    Choice,
    random_weights,
    recorded,
    settle,
)

__all__ = [
    "BACKBONES",
    "WIDTH",
    "Architecture",
    "Backbone",
    "Choice",
    "Embeddings",
    "build",
    "embed_photographs",
    "fit",
    "grey",
    "random_weights",
    "recorded",
    "settle",
]
