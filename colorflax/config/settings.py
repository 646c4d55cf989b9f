"""Every knob of a run: declared once, with its type and unit."""

import dataclasses
from typing import Any, Literal

STRIDES = {
    "fusion": (2, 4),
    "iizuka": (2, 4),
    "lite": (4,),
    "simple": (1, 2, 4),
    "unet": (4,),
    "zhang": (4,),
}
"""Where the head of each network can stop; the first is its paper's."""

STEERED = frozenset({"fusion"})
"""The networks that take an embedding."""

CLASSIFYING = frozenset({"iizuka"})
"""The networks that can learn to name the scene as well."""

FORGETFUL = frozenset({"lite", "unet"})
"""The networks that can leave out some of what they compute in training."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """Which network, and at which stride its head stops."""

    name: Literal["fusion", "iizuka", "lite", "simple", "unet", "zhang"]
    stride: int  # pixels of the photograph per pixel of the head, see STRIDES
    global_size: int = 224  # px, iizuka: the square that its global features come from
    scene_weight: float = 0.0  # iizuka: of the cross-entropy of the scene's name, in
    # nats, beside the cost of the colours; 0 learns no names
    dtype: Literal["float32", "bfloat16"] = "float32"  # of products and of what lies
    # between layers, in training; parameters, statistics, head and cost are float32
    remat: bool = False  # compute activations inside blocks of layers again in the
    # backward pass in place of storing them: less memory, a third more operations
    dropout: float = 0.0  # lite, unet: share of channels, and of blocks, that training
    # leaves out, each photograph its own
    encoder: Literal["random", "imagenet"] = "random"  # lite: what its encoder begins
    # with; an ImageNet encoder is not trained at strides below 16
    encoder_size: Literal[0, 2] = 0  # lite: the encoder is EfficientNet-Lite0 or 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """What the head means: two numbers, or a distribution over 313 ab bins."""

    name: Literal["regression", "classification"]
    rebalance: float  # classification: share of the uniform prior, 0.5 in the paper;
    # 1 weighs all pixels alike
    prior: str  # classification: .npy file with 313 shares; "" estimates it at start
    temperature: float  # classification: T of the annealed mean, 0.38 in the paper
    scale: float = 127.0  # regression: the ab that tanh can just not reach
    loss: Literal["mse", "huber"] = "mse"  # regression: of an error in ab
    huber_delta: float = 10.0  # huber: ab units beyond which the cost rises evenly
    tau: float = 0.0  # classification: tau log(w) is added to the logits where they are
    # decoded, w the rebalancing weights of the prior at 0.5; not to those of the loss
    gain: float = 1.0  # what decoded ab is multiplied by: a mean of doubtful colours is
    # paler than the truth, and this keeps its hue, which tau does not


@dataclasses.dataclass(frozen=True, kw_only=True)
class Features:
    """The frozen backbone whose embedding steers the network."""

    name: str  # of a classifier of Keras, see backbones.py; or "none"
    weights: Literal["imagenet", "random"]
    on_missing: Literal["random", "error"]  # where the weights cannot be had
    seed: int  # of random weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment:
    """How old the L that the network sees in training may look; 0 switches each off.

    Each photograph draws its own strength of each, evenly from 0 up to this. The colour
    to be learnt, the embedding and the evaluation stay those of the photograph itself.
    """

    orthochromatic: float = 0.0  # share, up to 1: as a plate for blue saw red and green
    blur: float = 0.0  # px of the square, standard deviation of the Gaussian
    grain: float = 0.0  # L units, standard deviation in mid-grey; elsewhere less
    fade: float = 0.0  # L units by which black rises and, apart from that, white sinks
    noise: float = 0.0  # L units, standard deviation, of the scanner: in all tones
    dust: float = 0.0  # percent of the pixels covered; half of it black, half white


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """Where photographs come from and what the network sees of them."""

    source: str  # builtin, folder:DIR, records:DIR or tfds:NAME[/CONFIG][:VERSION]
    train_split: str  # NAME or NAME[FROM:TO], as in train[:90%] or train[100:]; only a
    # dataset of TFDS has other names than train
    validation_split: str  # likewise; "" takes validation_percent of the train_split
    validation_percent: float  # chosen by content; unused with a validation_split
    max_bad_percent: float  # of all files; with more that cannot be read, stop
    fit: Literal["crop", "pad"]  # fill the square and crop, or keep all on white
    short_side: int  # px after resizing, before the crop (fit=crop)
    size: int  # px, the square that the network sees
    flip: bool  # mirror half of the training views
    augment: Augment
    threads: int  # decoding at the same time in this process
    workers: int  # decoding processes; 0 decodes in this one
    scale_jitter: float = 1.0  # training draws its short side between short_side and so
    # many times that, evenly in the logarithm (arXiv 1409.1556; fit=crop)
    labels: Literal["none", "folders", "label"] = "none"  # a scene's name: that of the
    # first folder below DIR, or the feature `label` of a dataset of TFDS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optim:
    """Adam (arXiv 1412.6980), and how its learning rate moves.

    In the order of their effect: the gradient is clipped, the decay is added to it,
    Adam scales it, the learning rate of the step multiplies it.
    """

    learning_rate: float  # the highest
    schedule: Literal["constant", "step", "cosine"] = "constant"
    drops: str = ""  # step: STEP:RATE pairs, as in 200000:1e-5,375000:3e-6; each rate
    # holds from its step on
    cosine_steps: int = 0  # cosine: steps until the rate is 0, warm-up included
    warmup_steps: int = 0  # the rate rises evenly over so many steps, whatever follows
    beta1: float = 0.9  # share of the past in the mean of the gradient
    beta2: float = 0.999  # share of the past in the mean of its square
    weight_decay: float = 0.0  # times the kernels, added to the gradient: L2, not AdamW
    clip: float = 0.0  # longest gradient over all parameters; 0 does not clip
    ema: float = 0.0  # share of the past in a moving average of the parameters, which
    # evaluation and colouring then use, as in 0.999; 0 keeps none


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """How long, how many at once, and when to look and to save."""

    steps: int
    batch_size: int  # photographs per step, over all devices and processes
    parallel: Literal["jit", "pmap"]
    log_every: int  # steps
    eval_every: int  # steps; also after the last one
    save_every: int  # steps; also after the last one
    keep: int  # newest checkpoints kept, beside the best
    accumulate: int = 1  # pieces that a batch is worked off in, one after another: the
    # memory of one piece, and one update of the whole batch (up to batch norm, which
    # sees a piece at a time)
    best: str = "mse"  # the number of the evaluation that chooses the best checkpoint:
    # loss, mse, psnr, ab_psnr, within_5, within_10 or larger_channel_agreement


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One run."""

    seed: int
    model: Model
    objective: Objective
    features: Features
    data: Data
    optim: Optim
    train: Train

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries, as JSON holds them."""
        return dataclasses.asdict(self)
