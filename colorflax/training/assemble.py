"""A config becomes a run: photographs, embeddings, a task, and what to remember.

Every checkpoint says what the run is: its config, its photographs, which weights its
backbone had. A second start with the same command finds the newest one and goes on; a
start that would be another run in the same folder is refused, the difference named,
unless the change is allowed.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from colorflax import __version__, checkpoint, config, features
from colorflax.checkpoint.folder import FOLDER
from colorflax.config import rules
from colorflax.data import labels, library, packed, pipeline
from colorflax.data.pipeline import HostBatch, Vectors
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.machines import distributed
from colorflax.pretrained import imagenet, warmstart
from colorflax.training import census, code, resume, scenes
from colorflax.training.tasks import Colorization, Task

_log = logging.getLogger(__name__)

_PRIOR_VIEWS, _VIEWS_OF_EACH = 1_000, 25  # at most


class Run(NamedTuple):
    """Everything the loop needs."""

    task: Task
    about: dict[str, Any]  # goes into every checkpoint; `load` needs all `assemble` has
    title: str  # of the table
    training_batches: Callable[[int], Iterator[HostBatch]]  # from a step on
    evaluation_batches: Callable[[], Iterator[HostBatch]]
    start: warmstart.Start = warmstart.RANDOM


def assemble(
    settings: config.Config,
    workdir: Path,
    *,
    allow_changes: bool = False,
    init_from: str | None = None,
) -> Run:
    """Find the photographs, embed them, and build the task.

    Args:
        settings: of this run.
        workdir: its folder, perhaps with checkpoints to go on from.
        allow_changes: go on from them also with other settings or photographs.
        init_from: a run or checkpoint whose network this one begins with, or `default`.

    Raises:
        UserError: photographs or weights cannot be had, or `workdir` holds another run.
    """
    rules.check_training(settings)
    rules.check_devices(settings, jax.device_count(), jax.process_count())
    _check_best(settings.train.best)
    _check_place(settings.data.source, workdir)
    for doubt in rules.doubts(settings):
        _log.warning("%s: %s", workdir, doubt)
    before = checkpoint.remembered(workdir)
    if before is not None:
        resume.need_same_parts(before, settings, workdir)
    changed = resume.changes(before, settings) if before else {}
    resume.permit(changed, workdir, allow_changes)
    start, origin, donor = _start(settings, before, init_from)
    sides = library.find(settings.data)
    training, validation = sides
    about: dict[str, Any] = {
        "colorflax": __version__,
        "code": _codes(before),
        "config": settings.to_dict(),
        "photographs": library.fingerprint(sides),
        **origin,
    }
    if before is not None and before["photographs"] != about["photographs"]:
        changed["photographs"] = f"the photographs of {settings.data.source} changed"
        resume.permit(changed, workdir, allow_changes)
    about |= resume.history(before, changed)
    if changed:
        _log.warning("%s: going on changed: %s", workdir, "; ".join(changed.values()))
    (for_training, for_validation), about["features"] = _embed(
        sides, settings.features, before and before["features"]
    )
    if donor is not None and donor.about["features"] != about["features"]:
        raise UserError(
            f"--init_from={init_from} was trained with other {settings.features.name} "
            "weights than those on this machine"
        )
    named = labels.find(sides, settings.data)
    about["scenes"] = None if named is None else named.record
    if before is not None and before.get("scenes") != about["scenes"]:
        raise UserError(
            f"{workdir}: the labels of {settings.data.source} have changed since this "
            "run began; name another --workdir for a new run"
        )
    whole = {"process": 0, "processes": 1}
    share = {"process": jax.process_index(), "processes": jax.process_count()}

    def training_batches(step: int, part: dict[str, int]) -> Iterator[HostBatch]:
        return pipeline.training_batches(
            training, for_training, settings.data,
            labels=None if named is None else named.training, seed=settings.seed,
            batch_size=settings.train.batch_size, start=step, **part,
        )  # fmt: skip

    def evaluation_batches() -> Iterator[HostBatch]:
        return pipeline.evaluation_batches(
            validation, for_validation, settings.data,
            labels=None if named is None else named.validation,
            batch_size=settings.train.batch_size, **share,
        )  # fmt: skip

    prior = None
    if settings.objective.name == "classification":
        # Also where it weighs nothing now: decoding may be tilted by it later.
        if before is not None and not changed and "prior" in before:
            prior = np.asarray(before["prior"])
        else:
            # All views in each process, so that all have the same prior.
            prior = _prior(settings, training_batches(0, whole), len(training))
        about["prior"] = [float(share) for share in prior]
    distributed.agree(about | {"number of devices": jax.local_device_count()})
    known = np.array_equal(training.digests, validation.digests)
    count = f"{len(validation)} photograph{'s' if len(validation) != 1 else ''}"
    which = "trained on" if known else "not trained on"
    task = Colorization.build(settings, prior)
    if named is not None:
        weight = settings.model.scene_weight
        task = scenes.add(task, weight, len(named.names), named.usual)
    return Run(
        task=task,
        about=about,
        title=f"{count}, {which}, at {settings.data.size} px",
        training_batches=lambda step: training_batches(step, share),
        evaluation_batches=evaluation_batches,
        start=start,
    )


def _start(
    settings: config.Config, before: dict[str, Any] | None, init_from: str | None
) -> tuple[warmstart.Start, dict[str, Any], checkpoint.Saved | None]:
    """What the run begins with, what is noted of it, and whose checkpoint it was."""
    origin = {name: before and before.get(name) for name in ("init_from", "encoder")}
    if init_from is not None:
        donor, origin["init_from"] = warmstart.find(init_from, settings, before)
        return warmstart.begin(donor, init_from), origin, donor
    if before is None and settings.model.encoder == "imagenet":
        size = settings.model.encoder_size
        origin["encoder"] = imagenet.record(size)
        return warmstart.from_imagenet(size), origin, None
    return warmstart.RANDOM, origin, None


def _prior(
    settings: config.Config, batches: Iterator[HostBatch], photos: int
) -> Float[np.ndarray, "313"]:
    """The shares of the bins that a file holds, or of the first training views."""
    if settings.objective.prior:
        return census.read(files.local(settings.objective.prior))
    views = min(_PRIOR_VIEWS, _VIEWS_OF_EACH * photos)
    seen = itertools.islice(batches, -(-views // settings.train.batch_size))
    return census.shares(census.count(seen, settings.model.stride))


def _codes(before: dict[str, Any] | None) -> list[str | None]:
    """What code the run was trained by, the newest last; None before that was noted."""
    codes = before.get("code", [None]) if before else []
    now = code.sha256()
    return codes if codes[-1:] == [now] else [*codes, now]


def _check_place(source: str, workdir: Path) -> None:
    """Refuse to put a run among the photographs that it trains on, or over others."""
    for name in ("config.json", "metrics.jsonl"):
        if (workdir / name).exists() and not (workdir / FOLDER).exists():
            raise UserError(
                f"{workdir} holds a {name} that is of no run; name another --workdir"
            )
    kind, _, place = source.partition(":")
    if kind != "folder":
        return
    photos, run = files.local(place).resolve(), workdir.resolve()
    if run == photos or photos in run.parents:
        raise UserError(
            f"{workdir} lies among the photographs of {source}; name a --workdir "
            "outside of them"
        )


def _check_best(name: str) -> None:
    if name not in Colorization.scores:
        raise UserError(
            f"config.train.best should be one of {', '.join(Colorization.scores)}, "
            f"not {name!r}"
        )


def _embed(
    sides: library.Division,
    settings: config.Features,
    before: dict[str, str] | None,
) -> tuple[tuple[Vectors, Vectors], dict[str, str] | None]:
    """A row per photograph, and which weights made them; with those of `before`."""
    if settings.name == "none":
        return (None, None), None
    choice = features.Choice(
        name=settings.name, weights=settings.weights, seed=settings.seed
    )
    if before is not None:
        wanted, choice = choice, features.recorded(before["name"], before["weights"])
        if choice.description != wanted.description:
            _log.warning(
                "going on with the %s weights that this run began with; for the %s "
                "ones, begin in another --workdir",
                choice.description,
                wanted.description,
            )
    record = packed.backbone(sides.training)
    if record is not None:
        if (record["name"], record["weights"]) != (choice.name, choice.description):
            raise UserError(
                f"the records hold embeddings by {record['name']} with "
                f"{record['weights']} weights, not by {choice.name} with "
                f"{choice.description}; change --config.features or prepare them again"
            )
        return ("stored", "stored"), _as_before(record, before)
    photos = [(packed.identity(photo), photo.open) for side in sides for photo in side]
    on_missing = settings.on_missing if before is None else "error"
    if jax.process_count() > 1:
        # Each computes its share; then all find on disk what the others computed, and
        # only where they have no disk in common compute that too.
        mine = photos[jax.process_index() :: jax.process_count()]
        features.embed_photographs(mine, choice, on_missing=on_missing)
        distributed.barrier("all photographs are embedded")
    embedded = features.embed_photographs(photos, choice, on_missing=on_missing)
    record = {
        "name": embedded.name,
        "weights": embedded.weights,
        "fingerprint": embedded.fingerprint,
    }
    half = len(sides.training)
    vectors = embedded.vectors
    return (vectors[:half], vectors[half:]), _as_before(record, before)


def _as_before(record: dict[str, str], before: dict[str, str] | None) -> dict[str, str]:
    """`record`, unless the run began with other weights."""
    if before not in (None, record):
        raise UserError(
            f"the {record['name']} weights differ from those that this run began with "
            f"({before} then, {record} now); name another --workdir for a new run"
        )
    return record
