"""A ConfigDict becomes frozen dataclasses; every cross-field rule lives here.

Reading a config has no side effects. Each knob is declared once, with its type and
unit. What is misspelt, missing, of the wrong type or impossible in combination is a
`UserError` of one line, raised before any data is read or anything is compiled.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from ml_collections import ConfigDict

from colorflax import splits
from colorflax.errors import UserError

STRIDES = {"fusion": (2, 4), "iizuka": (2, 4), "simple": (1, 2, 4)}
"""Where the head of each network can stop; the first is its paper's."""

STEERED = frozenset({"fusion"})
"""The networks that take an embedding."""

CLASSIFYING = frozenset({"iizuka"})
"""The networks that can learn to name the scene as well."""

_LABELLED = {"folders": "folder:DIR", "label": "tfds:NAME"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """Which network, and at which stride its head stops."""

    name: Literal["fusion", "iizuka", "simple"]
    stride: int  # pixels of the photograph per pixel of the head, see STRIDES
    global_size: int = 224  # px, iizuka: the square that its global features come from
    scene_weight: float = 0.0  # iizuka: of the cross-entropy of the scene's name, in
    # nats, beside the cost of the colours; 0 learns no names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """What the head means: two numbers, or a distribution over 313 ab bins."""

    name: Literal["regression", "classification"]
    rebalance: float  # classification: share of the uniform prior, 0.5 in the paper;
    # 1 weighs all pixels alike
    prior: str  # classification: .npy file with 313 shares; "" estimates it at start
    temperature: float  # classification: T of the annealed mean, 0.38 in the paper
    scale: float = 127.0  # regression: the ab that tanh can just not reach


@dataclasses.dataclass(frozen=True, kw_only=True)
class Features:
    """The frozen backbone whose embedding steers the network."""

    name: Literal["none", "inception_resnet_v2"]
    weights: Literal["imagenet", "random"]
    on_missing: Literal["random", "error"]  # where the weights cannot be had
    seed: int  # of random weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augment:
    """How old the L that the network sees in training may look; 0 switches each off.

    Each photograph draws its own strength of each, evenly from 0 up to this. The colour
    to be learnt, the embedding and the evaluation stay those of the photograph itself.
    """

    orthochromatic: float  # share, up to 1: red and green as a plate for blue saw them
    blur: float  # px of the square, standard deviation of the Gaussian
    grain: (
        float  # L units, standard deviation in mid-grey; less towards black and white
    )
    fade: float  # L units by which black rises and, apart from that, white sinks
    noise: float  # L units, standard deviation, of the scanner: alike in all tones
    dust: float  # percent of the pixels covered, half of the specks black, half white


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
    labels: Literal["none", "folders", "label"] = "none"  # a scene's name: that of the
    # first folder below DIR, or the feature `label` of a dataset of TFDS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optim:
    """Adam."""

    learning_rate: float


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
    best: str = "mse"  # the number of the evaluation by which the best is meant


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


def parse(values: Mapping[str, Any] | ConfigDict) -> Config:
    """A ConfigDict or nested dictionaries -> a checked `Config`."""
    config: Config = _parse(Config, values, "config")
    _check(config)
    return config


def check_devices(config: Config, devices: int, processes: int) -> None:
    """Raise `UserError` unless the batch divides over devices and processes."""
    batch = config.train.batch_size
    for count, what in ((devices, "devices"), (processes, "processes")):
        if batch % count:
            raise UserError(
                f"config.train.batch_size={batch} does not divide over {count} {what}; "
                f"take a multiple, for example {-(-batch // count) * count}"
            )


def check_source(source: str, name: str) -> None:
    """Raise `UserError` unless `source`, given as `name`, names photographs."""
    if re.fullmatch(r"builtin|(folder|records|tfds):.+", source) is None:
        raise UserError(
            f"{name}={source!r} should be builtin, folder:DIR, records:DIR or tfds:NAME"
        )


def _parse(kind: type, values: Any, path: str) -> Any:
    if not isinstance(values, Mapping | ConfigDict):
        raise UserError(f"{path} should hold keys and values, not {values!r}")
    given = dict(values.items())
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in given:
        if name not in fields:
            raise UserError(
                f"{path}.{name} is not a known setting; {path} has {', '.join(fields)}"
            )
    for name, field in fields.items():
        # A default is for a setting younger than some checkpoint that is still read.
        if name not in given and field.default is dataclasses.MISSING:
            raise UserError(f"{path}.{name} is missing from the config")
    return kind(**{n: _value(fields[n].type, given[n], f"{path}.{n}") for n in given})


def _value(kind: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _parse(kind, value, path)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            choices = " or ".join(get_args(kind))
            raise UserError(f"{path} should be {choices}, not {value!r}")
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UserError(f"{path} should be {kind.__name__}, not {value!r}")
    return value


def _check(c: Config) -> None:
    def need(holds: bool, message: str) -> None:
        if not holds:
            raise UserError(message)

    for path, value in (
        ("data.size", c.data.size),
        ("data.threads", c.data.threads),
        ("train.steps", c.train.steps),
        ("train.batch_size", c.train.batch_size),
        ("train.log_every", c.train.log_every),
        ("train.eval_every", c.train.eval_every),
        ("train.save_every", c.train.save_every),
        ("train.keep", c.train.keep),
    ):
        need(value >= 1, f"config.{path} should be at least 1, not {value}")
    need(c.data.workers >= 0, "config.data.workers cannot be negative")
    for path, seed in (("seed", c.seed), ("features.seed", c.features.seed)):
        need(0 <= seed < 2**32, f"config.{path} should be in 0..2**32-1, not {seed}")
    check_source(c.data.source, "config.data.source")
    _check_splits(c.data)
    need(
        0 <= c.data.validation_percent < 100,
        "config.data.validation_percent should be at least 0 and below 100, "
        f"not {c.data.validation_percent:g}",
    )
    need(
        0 <= c.data.max_bad_percent <= 100,
        "config.data.max_bad_percent should be in 0..100, "
        f"not {c.data.max_bad_percent:g}",
    )
    need(
        c.data.fit == "pad" or c.data.short_side >= c.data.size,
        f"config.data.short_side={c.data.short_side} is smaller than the "
        f"config.data.size={c.data.size} that is cropped from it",
    )
    for name, most in (
        ("orthochromatic", 1), ("blur", 16), ("grain", 50), ("fade", 50),
        ("noise", 50), ("dust", 100),
    ):  # fmt: skip
        value = getattr(c.data.augment, name)
        need(
            0 <= value <= most,
            f"config.data.augment.{name} should be in 0..{most}, not {value:g}",
        )
    need(
        c.optim.learning_rate > 0,
        f"config.optim.learning_rate should be positive, not {c.optim.learning_rate:g}",
    )
    need(
        0 <= c.objective.rebalance <= 1,
        f"config.objective.rebalance should be in 0..1, not {c.objective.rebalance:g}",
    )
    need(
        c.objective.temperature > 0,
        "config.objective.temperature should be positive, "
        f"not {c.objective.temperature:g}",
    )
    strides = STRIDES[c.model.name]
    need(
        c.model.stride in strides,
        f"config.model.stride of {c.model.name} should be "
        f"{' or '.join(map(str, strides))}, not {c.model.stride}",
    )
    need(
        c.model.name in STEERED or c.features.name == "none",
        f"config.model.name={c.model.name} takes no embedding; "
        "set --config.features.name=none",
    )
    need(
        c.model.global_size >= 1,
        f"config.model.global_size should be at least 1, not {c.model.global_size}",
    )
    _check_scenes(c, need)
    need(
        0 < c.objective.scale <= 1000,
        f"config.objective.scale should be in 0..1000, not {c.objective.scale:g}",
    )
    need(
        c.objective.name != "classification" or c.model.stride == 4,
        "config.objective.name=classification needs --config.model.stride=4: "
        "313 channels are carried at a quarter of the resolution",
    )


def _check_scenes(c: Config, need: Callable[[bool, str], None]) -> None:
    weight, labels = c.model.scene_weight, c.data.labels
    need(
        weight >= 0, f"config.model.scene_weight should not be negative, not {weight:g}"
    )
    need(
        (weight > 0) == (labels != "none"),
        f"config.model.scene_weight={weight:g} and config.data.labels={labels} do not "
        "go together: scenes are learnt with a weight and labels, or not at all",
    )
    need(
        weight == 0 or c.model.name in CLASSIFYING,
        f"config.model.name={c.model.name} does not name scenes; "
        "set --config.model.scene_weight=0 --config.data.labels=none",
    )
    place = _LABELLED.get(labels, "")
    need(
        c.data.source.startswith(place.partition(":")[0]),
        f"config.data.labels={labels} needs --config.data.source={place}; "
        f"{c.data.source} has no such labels",
    )


def _check_splits(data: Data) -> None:
    parsed = []
    for name in ("train_split", "validation_split"):
        text = getattr(data, name)
        if text or name == "train_split":
            try:
                parsed.append(splits.parse(text))
            except UserError as error:
                raise UserError(f"config.data.{name}: {error}") from None
    if len(parsed) == 2 and splits.overlap(*parsed):
        raise UserError(
            f"config.data.train_split={data.train_split} and validation_split="
            f"{data.validation_split} overlap; let one end where the other begins"
        )
