"""How good is a checkpoint? python -m colorflax.evaluate --checkpoint=RUN."""

import dataclasses
import itertools
import json
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from absl import flags

from colorflax import __version__, checkpoint, cli, config, contest
from colorflax.contest import contenders, fid, scoreboard
from colorflax.contest.entrants import Entrant, named, seeing
from colorflax.data import library
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.metrics import bootstrap
from colorflax.pretrained import inception, release

_CHECKPOINT = flags.DEFINE_multi_string(
    "checkpoint", [], "folder of a run, or one checkpoint in it; `default` is the "
    "bundled network. Several are compared on the photographs of the first",
)  # fmt: skip
_MODEL = flags.DEFINE_enum(
    "model", "network", ["network", "grey", "truth"], "what is scored; grey and truth "
    "need no checkpoint"
)  # fmt: skip
_MODE = flags.DEFINE_enum(
    "mode", "fixed", ["fixed", "full"], "fixed: squares, as in training; full: "
    "photographs at their own resolution"
)  # fmt: skip
_FID = flags.DEFINE_bool(
    "fid", False, "also compute the Frechet Inception Distance, whose network is "
    "downloaded once (95 MB)",
)  # fmt: skip
_OUT = flags.DEFINE_string("out", None, "JSON file for all numbers and settings")
_TEMPERATURE = flags.DEFINE_list(
    "temperature", [], "of a classification; several: a row for each. Default: its own"
)
_TAU = flags.DEFINE_list(
    "tau", [], "of a classification; several: a row for each. Default: its own"
)
_GAIN = flags.DEFINE_list(
    "gain",
    [],
    "multiplies decoded colours; several: a row for each. Default: its own",
)
_DECODINGS = ("temperature", "tau", "gain")
_RESAMPLES = flags.DEFINE_integer("resamples", 2_000, "of the bootstrap", 100)
_SEED = flags.DEFINE_integer(
    "seed", 0, "random seed of the bootstrap and of the baselines", 0, 2**32 - 1
)
_BATCH = flags.DEFINE_integer(
    "batch_size", 16, "photographs at a time in --mode=fixed", 1
)

_KNOBS = ("source", "train_split", "validation_split", "fit")
_NUMBERS = ("validation_percent", "max_bad_percent")
_COUNTS = ("short_side", "size", "threads", "workers")
_DATA = {
    name: define(f"config.data.{name}", None, "as in training; by default the run's")
    for names, define in (
        (_KNOBS, flags.DEFINE_string),
        (_NUMBERS, flags.DEFINE_float),
        (_COUNTS, flags.DEFINE_integer),
    )
    for name in names
}


def main(argv: Sequence[str]) -> None:
    """Judge, print the table, and write it down where that was asked for."""
    cli.need_no_arguments(argv)
    network = _MODEL.value == "network"
    if network and not _CHECKPOINT.value:
        raise UserError("name a checkpoint, --checkpoint=RUN, or --model=grey")
    if not network and (_TEMPERATURE.value or _TAU.value or _GAIN.value):
        raise UserError(f"--model={_MODEL.value} has no temperature, tau or gain")
    out = files.local(_OUT.value) if _OUT.value else None
    if out is not None:
        files.need_place(out, "--out", b"{", "JSON file")
    entrants = named(_CHECKPOINT.value)
    first = entrants[0] if entrants else None
    own = first and first.own
    decoding, versions = _decodings(len(entrants))
    settings = _settings(first and first.saved, own, decoding)
    sides = _found(settings, own)
    weights = inception.load() if _FID.value else None

    def judged(model: contenders.Model) -> contest.Result:
        eye = fid.Eye(weights) if weights is not None else None
        result = contest.evaluate(
            model, sides, settings.data, _MODE.value,
            batch_size=_BATCH.value, seed=_SEED.value, watch=eye,
        )  # fmt: skip
        return dataclasses.replace(result, fid=eye.distances()) if eye else result

    if not network:
        entrants = []
        result = judged(contenders.Constant(_MODEL.value))
    elif len(entrants) == 1:
        result = judged(contenders.Network(entrants[0].saved, settings, versions))
    else:
        # All can be read before the first is judged.
        models = {
            x.name: contenders.Network(x.saved, seeing(settings, x.saved, decoding))
            for x in entrants
        }
        result = contest.beside({name: judged(x) for name, x in models.items()})
    against = ["grey", *(x.name for x in entrants[:1] if len(entrants) > 1)]
    scores = scoreboard.board(result, _RESAMPLES.value, _SEED.value, against)
    print(_title(entrants, settings, result))
    print(scoreboard.text(scores, result, _RESAMPLES.value))
    if out is not None:
        written = {"protocol": _protocol(entrants, settings, result)}
        written |= scoreboard.record(scores, result)
        files.write(out, json.dumps(written, indent=1, allow_nan=False).encode())
        print(f"All of it, and every photograph's numbers: {out}")


def _settings(
    saved: checkpoint.Saved | None,
    own: library.Division | None,
    decoding: dict[str, float],
) -> config.Config:
    """Those of the checkpoint, with the photographs and decoding that flags name."""
    values = release.SETTINGS.to_dict()
    if saved is not None:
        values = config.parse(saved.about["config"]).to_dict()
        values["objective"] |= decoding
    given = {name: flag.value for name, flag in _DATA.items() if flag.value is not None}
    if saved is None and "source" not in given:
        raise UserError("name photographs, for example --config.data.source=folder:DIR")
    same = given.get("source", "") == values["data"]["source"] and own is not None
    if "source" in given and not same:
        # Of other photographs than the run's all are meant, unless a part is named.
        # A folder of the same name somewhere else holds others.
        whole = {"train_split": "train", "validation_split": ""}
        values["data"] |= whole | {"validation_percent": 0.0}
    # Scenes are not judged here, and other photographs may have no names of them.
    values["data"] |= given | {"labels": "none"}
    if values["data"]["fit"] == "pad":  # which draws no scale
        values["data"]["scale_jitter"] = 1.0
    values["model"]["scene_weight"] = 0.0
    return config.parse(values)


def _decodings(
    checkpoints: int,
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """Settings that flags name, and what differs in each version.

    Of one checkpoint a temperature alone names its row, as one of several does.
    """
    named = {flag: numbers for flag in _DECODINGS if (numbers := _numbers(flag))}
    several = {flag: numbers for flag, numbers in named.items() if len(numbers) > 1}
    if several and checkpoints > 1:
        raise UserError(
            f"--{next(iter(several))} with several numbers is for one --checkpoint"
        )
    if checkpoints == 1 and not several and "temperature" in named:
        several["temperature"] = named["temperature"]
    fixed = {flag: x for flag, (x, *_) in named.items() if flag not in several}
    versions = [
        dict(zip(several, numbers, strict=True))
        for numbers in itertools.product(*several.values())
    ]
    if len(several) == 1 and "temperature" not in several:
        versions = [{}, *versions]  # as its config says as well
    return fixed, versions


def _numbers(flag: str) -> list[float]:
    texts: list[str] = list(flags.FLAGS[flag].value or ())
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise UserError(
            f"--{flag}={','.join(texts)} should be numbers, as in 0.2,0.38,1"
        ) from None


def _found(settings: config.Config, own: library.Division | None) -> library.Division:
    if _DATA["source"].value or own is not None:
        return library.find(settings.data)
    return library.find_again(settings.data, "--config.data.source")


def _title(
    entrants: Sequence[Entrant], settings: config.Config, result: contest.Result
) -> str:
    n = len(result.photographs)
    lines = [
        f"{n} photograph{'s' if n > 1 else ''} of {settings.data.source}",
        f"--mode={result.protocol['mode']}: {result.protocol['view']}",
    ]
    for x in entrants:
        name = "model" if len(entrants) == 1 else x.name
        lines.append(f"{name}: {x.said(result)}")
    if not entrants:
        lines.append(f"model: {_MODEL.value}, no network")
    return "\n".join([*lines, ""])


def _protocol(
    entrants: Sequence[Entrant], settings: config.Config, result: contest.Result
) -> dict[str, Any]:
    device = jax.devices()[0]
    records = {x.name: x.record(result) for x in entrants}
    one = next(iter(records.values()), None)
    return {
        **result.protocol,
        "model": _MODEL.value,
        "checkpoint": records if len(records) > 1 else one,
        "fid": fid.PROTOCOL if result.fid else None,
        "trained_on": one["trained_on"] if one and len(records) == 1 else None,
        "objective": dataclasses.asdict(settings.objective) if entrants else None,
        "data": dataclasses.asdict(settings.data),
        "intervals": {
            "level": bootstrap.LEVEL,
            "method": "percentile bootstrap over photographs",
            "resamples": _RESAMPLES.value,
            "seed": _SEED.value,
        },
        "versions": {
            "colorflax": __version__,
            "jax": jax.__version__,
            "numpy": np.__version__,
        },
        "device": f"{device.platform}: {device.device_kind}",
        "command": shlex.join(["python", "-m", "colorflax.evaluate", *sys.argv[1:]]),
    }


if __name__ == "__main__":
    cli.run(main)
