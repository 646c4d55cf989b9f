"""What a config must hold beyond its types: each rule with its message."""

import itertools
import math
import re

from colorflax.config import backbones, ranges, splits
from colorflax.config.settings import (
    CLASSIFYING,
    FORGETFUL,
    STEERED,
    STRIDES,
    Config,
    Data,
    Optim,
)
from colorflax.errors import UserError

_ONLY_OF = (
    (STEERED, "features.name", "none", "takes no embedding"),
    (FORGETFUL, "model.dropout", 0, "leaves nothing out in training"),
    ({"lite"}, "model.encoder", "random", "has no way down that knows ImageNet"),
    ({"lite"}, "model.encoder_size", 0, "has a way down of one size"),
)
"""Networks, what only they have, how it is set to nothing, and what others are."""

_LABELLED = {"folders": "folder:DIR", "label": "tfds:NAME"}


def check(c: Config) -> None:
    """Raise `UserError` for the first rule that `c` breaks."""
    ranges.check(c)
    check_source(c.data.source, "config.data.source")
    _check_splits(c.data)
    _need(
        c.data.fit == "pad" or c.data.short_side >= c.data.size,
        f"config.data.short_side={c.data.short_side} is smaller than the "
        f"config.data.size={c.data.size} that is cropped from it",
    )
    _need(
        c.data.fit == "crop" or c.data.scale_jitter == 1,
        f"config.data.scale_jitter={c.data.scale_jitter:g} resizes before a crop; "
        "set --config.data.fit=crop, or scale_jitter=1",
    )
    _check_optim(c.optim)
    strides = STRIDES[c.model.name]
    _need(
        c.model.stride in strides,
        f"config.model.stride of {c.model.name} should be "
        f"{' or '.join(map(str, strides))}, not {c.model.stride}",
    )
    if c.features.name != "none":
        backbones.check(c.features.name, "config.features.name")
    for names, path, nothing, has_none in _ONLY_OF:
        section, name = path.split(".")
        value = getattr(getattr(c, section), name)
        _need(
            c.model.name in names or value == nothing,
            f"config.model.name={c.model.name} {has_none}; "
            f"set --config.{path}={nothing}",
        )
    _check_scenes(c)
    _need(
        c.objective.loss == "mse" or c.objective.name == "regression",
        f"config.objective.loss={c.objective.loss} is of a regression; "
        "set --config.objective.name=regression",
    )
    _need(
        c.objective.tau == 0 or c.objective.name == "classification",
        f"config.objective.tau={c.objective.tau:g} tilts a distribution over bins; "
        "set --config.objective.name=classification, or tau=0",
    )
    _need(
        c.objective.name != "classification" or c.model.stride == 4,
        "config.objective.name=classification needs --config.model.stride=4: "
        "313 channels are carried at a quarter of the resolution",
    )


def check_training(c: Config) -> None:
    """Raise `UserError` for what would train, but not as it says.

    Checkpoints of such runs can be read all the same.
    """
    o, last = c.optim, c.train.steps
    _need(
        o.schedule != "cosine" or last <= o.cosine_steps,
        f"config.train.steps={last} goes on where the learning rate is 0, after "
        f"config.optim.cosine_steps={o.cosine_steps}; set "
        f"--config.optim.cosine_steps={last} as well",
    )
    _need(
        c.model.encoder == "random" or o.weight_decay == 0,
        f"config.optim.weight_decay={o.weight_decay:g} would take from what "
        "config.model.encoder=imagenet leaves as it is; set "
        "--config.optim.weight_decay=0, or --config.model.encoder=random",
    )


def doubts(c: Config) -> list[str]:
    """What trains as it says, but hardly as somebody means it."""
    o, last = c.optim, c.train.steps
    found = []
    if o.schedule == "cosine" and last < o.cosine_steps:
        found.append(
            f"config.train.steps={last} ends before the learning rate has fallen, "
            f"which it does until config.optim.cosine_steps={o.cosine_steps}"
        )
    if last <= o.warmup_steps:
        found.append(
            f"config.train.steps={last} ends while the learning rate still rises, "
            f"until config.optim.warmup_steps={o.warmup_steps}"
        )
    return found


def check_devices(config: Config, devices: int, processes: int) -> None:
    """Raise `UserError` unless the batch divides over devices and processes."""
    batch, pieces = config.train.batch_size, config.train.accumulate
    of = f" in config.train.accumulate={pieces} pieces" if pieces > 1 else ""
    for count, what in (
        (devices * pieces, f"{devices} device{'s' if devices > 1 else ''}{of}"),
        (processes, f"{processes} process{'es' if processes > 1 else ''}"),
    ):
        if batch % count:
            raise UserError(
                f"config.train.batch_size={batch} does not divide over {what}; "
                f"take a multiple, for example {-(-batch // count) * count}"
            )


def check_source(source: str, name: str) -> None:
    """Raise `UserError` unless `source`, given as `name`, names photographs."""
    if re.fullmatch(r"builtin|(folder|records|tfds):.+", source) is None:
        raise UserError(
            f"{name}={source!r} should be builtin, folder:DIR, records:DIR or tfds:NAME"
        )


def parse_drops(text: str) -> list[tuple[int, float]]:
    """`Optim.drops` -> (first step, learning rate) pairs, in their order.

    Raises:
        UserError: not such a text, or its steps do not rise.
    """
    try:
        pairs = [pair.split(":") for pair in text.split(",")]
        drops = [(int(step), float(rate)) for step, rate in pairs]
    except ValueError:
        drops = []
    firsts = [0, *(step for step, _ in drops)]
    rising = all(a < b for a, b in itertools.pairwise(firsts))
    if not drops or not rising or not all(0 < rate < math.inf for _, rate in drops):
        raise UserError(
            f"config.optim.drops={text!r} should be STEP:RATE,STEP:RATE with rising "
            "steps and positive rates, as in 200000:1e-5,375000:3e-6"
        )
    return drops


def _check_scenes(c: Config) -> None:
    weight, labels = c.model.scene_weight, c.data.labels
    _need(
        (weight > 0) == (labels != "none"),
        f"config.model.scene_weight={weight:g} and config.data.labels={labels} do not "
        "go together: scenes are learnt with a weight and labels, or not at all",
    )
    _need(
        weight == 0 or c.model.name in CLASSIFYING,
        f"config.model.name={c.model.name} does not name scenes; "
        "set --config.model.scene_weight=0 --config.data.labels=none",
    )
    place = _LABELLED.get(labels, "")
    _need(
        c.data.source.startswith(place.partition(":")[0]),
        f"config.data.labels={labels} needs --config.data.source={place}; "
        f"{c.data.source} has no such labels",
    )


def _check_optim(o: Optim) -> None:
    for name, schedule, given in (
        ("drops", "step", bool(o.drops)),
        ("cosine_steps", "cosine", o.cosine_steps > 0),
    ):
        _need(
            given == (o.schedule == schedule),
            f"config.optim.schedule={schedule} and config.optim.{name} need each "
            f"other; schedule is {o.schedule} and {name} is {getattr(o, name)!r}",
        )
    if o.drops:
        first, _ = parse_drops(o.drops)[0]
        _need(
            first >= o.warmup_steps,
            f"config.optim.drops={o.drops} begins before the "
            f"config.optim.warmup_steps={o.warmup_steps} have passed",
        )
    _need(
        o.schedule != "cosine" or o.warmup_steps < o.cosine_steps,
        f"config.optim.warmup_steps={o.warmup_steps} leaves nothing of the "
        f"config.optim.cosine_steps={o.cosine_steps}",
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


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise UserError(message)
