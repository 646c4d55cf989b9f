"""Which runs an ablation is made of, and what they cost."""

import dataclasses
import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from colorflax import config
from colorflax.config import rules
from colorflax.errors import UserError
from colorflax.features.backbone import WIDTH
from colorflax.training import speed
from colorflax.training.tasks import Colorization
from launch.markdown import markdown

_KEYS = (
    "base", "networks", "objectives", "reference", "seeds", "temperatures", "taus",
    "each", "shown",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """One run.

    Attributes:
        network: its name.
        objective: a name of the ablation's config.
        settings: all of it.
        temperatures, taus: how it is decoded beside, without another training; none of
            a regression.
    """

    network: str
    objective: str
    settings: config.Config
    temperatures: tuple[float, ...] = ()
    taus: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.network}-{self.objective}-{self.settings.seed}"

    def member(self, version: str) -> str:
        """What the table calls it under one of its decodings."""
        of_it = f"{self.network} {self.objective}"
        return of_it if version == "model" else f"{of_it} {version}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """All runs; those of one member differ in their seed and are beside each other."""

    trainings: tuple[Training, ...]
    reference: str  # the objective that the others are compared with
    shown: str = "*"  # names that a photograph of the sheet may have, as in a shell

    @property
    def networks(self) -> tuple[str, ...]:
        """In the order of the config."""
        return tuple(dict.fromkeys(t.network for t in self.trainings))

    @property
    def data(self) -> config.Data:
        """The same of all."""
        return self.trainings[0].settings.data

    def only(self, number: int) -> Training:
        """One run by its number.

        Raises:
            UserError: there is none.
        """
        if not 0 <= number < len(self.trainings):
            last = len(self.trainings) - 1
            raise UserError(f"--only={number}: the runs are numbered from 0 to {last}")
        return self.trainings[number]


def parse(values: Mapping[str, Any] | ConfigDict) -> Plan:
    """A config such as configs/ablation.py's -> its runs, each of them checked.

    Raises:
        UserError: it is no ablation, names what it does not explain, or one of its
            runs is impossible.
    """
    tree = values.to_dict() if isinstance(values, ConfigDict) else dict(values)
    if sorted(tree) != sorted(_KEYS):
        raise UserError(
            f"--config should be an ablation such as configs/ablation.py, with "
            f"{', '.join(_KEYS)}; this one has {', '.join(tree)}"
        )
    networks = _names(tree["networks"], "networks", config.STRIDES)
    objectives = _names(tree["objectives"], "objectives", tree["each"])
    seeds, temperatures = tree["seeds"], _floats(tree["temperatures"], "temperatures")
    _distinct(seeds, "seeds")
    if not all(0 < t < float("inf") for t in temperatures):
        raise UserError(f"config.temperatures should be positive, not {temperatures}")
    taus = _floats(tree["taus"], "taus")
    if tree["reference"] not in objectives:
        raise UserError(
            f"config.reference={tree['reference']} is not one of config.objectives="
            f"{','.join(objectives)}"
        )
    trainings = []
    for network in networks:
        for objective in objectives:
            settings = _settings(tree["base"], network, tree["each"][objective])
            classifies = settings["objective"]["name"] == "classification"
            alike = classifies and settings["objective"]["rebalance"] == 1
            for seed in seeds:
                try:
                    checked = config.parse(settings | {"seed": seed})
                    rules.check_training(checked)
                except UserError as error:
                    name = f"{network}-{objective}-{seed}"
                    raise UserError(f"{name}, from config.base: {error}") from None
                trainings.append(
                    Training(
                        network=network,
                        objective=objective,
                        settings=checked,
                        temperatures=temperatures if classifies else (),
                        taus=taus if alike else (),
                    )
                )
    return Plan(tuple(trainings), tree["reference"], tree["shown"])


def cost(plan: Plan, workdir: Path, images_per_s: float | None) -> str:
    """A table of the runs: their number, steps, operations and hours.

    The hours are those of `images_per_s`; where it is None, of the speed that the runs
    already in `workdir` have logged, as far as there are any.
    """
    rows = [["K", "run", "steps", "batch", "TFLOPs", "hours"]]
    total, time, unknown = 0.0, 0.0, False
    flops: dict[str, float | None] = {}
    for k, training in enumerate(plan.trainings):
        c = training.settings
        kind = f"{training.network}-{training.objective}"
        if kind not in flops:
            flops[kind] = _flops_of_a_step(c)
        speed_now = images_per_s or _logged(workdir, kind)
        hours = None
        if speed_now:
            hours = c.train.steps * c.train.batch_size / speed_now / 3600
        step = flops[kind]
        unknown |= hours is None
        total += (step or 0) * c.train.steps
        time += hours or 0
        rows.append([
            str(k), training.name, f"{c.train.steps:,}", str(c.train.batch_size),
            "?" if step is None else f"{step * c.train.steps / 1e12:,.1f}",
            "?" if hours is None else f"{hours:,.2f}",
        ])  # fmt: skip
    steps = sum(t.settings.train.steps for t in plan.trainings)
    rows.append(["", "all", f"{steps:,}", "", f"{total / 1e12:,.1f}",
                 "?" if unknown else f"{time:,.2f}"])  # fmt: skip
    text = f"{len(plan.trainings)} trainings\n" + markdown(rows, right={0, 2, 3, 4, 5})
    if unknown:
        text += "\nHours: give --images_per_s, or ask again once runs have begun"
    return text


def _flops_of_a_step(settings: config.Config) -> float | None:
    size, n = settings.data.size, settings.train.batch_size
    batch = {"rgb": np.broadcast_to(np.uint8(0), (n, size, size, 3))}
    if settings.features.name != "none":
        batch["embedding"] = np.broadcast_to(np.float32(0), (n, WIDTH))
    return speed.count(Colorization.build(settings, None), batch)


def _logged(workdir: Path, kind: str) -> float | None:
    """Median images a second of the runs of one network and objective."""
    rates = []
    for path in workdir.glob(f"{kind}-*/metrics.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line) if line.endswith("}") else {}
            if "train/images_per_s" in row:
                rates.append(row["train/images_per_s"])
    return statistics.median(rates) if rates else None


def _settings(
    base: Mapping[str, Any], network: str, objective: Mapping[str, Any]
) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: dict(x) if isinstance(x, Mapping) else x for name, x in base.items()
    }
    values["model"]["name"] = network
    values["objective"] |= objective
    if network not in config.STEERED:
        values["features"]["name"] = "none"  # the others take no embedding
    return values


def _names(text: str, what: str, known: Mapping[str, Any]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    _distinct(names, what)
    for name in names:
        if name not in known:
            raise UserError(
                f"config.{what}={text}: {name!r} is not one of {', '.join(known)}"
            )
    return names


def _floats(values: Any, what: str) -> tuple[float, ...]:
    try:
        return tuple(float(x) for x in values)
    except (TypeError, ValueError):
        raise UserError(
            f"config.{what} should be numbers, as in (0.2, 1), not {values!r}"
        ) from None


def _distinct(values: Any, what: str) -> None:
    if not values or len(set(values)) < len(values):
        raise UserError(f"config.{what} should be some, each once, not {values}")
