"""A run that begins with what was trained before in place of random numbers."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from colorflax import checkpoint, config
from colorflax.errors import UserError
from colorflax.pretrained import imagenet, shipped

# What decides which arrays a network has and what they mean.
_SHAPING = (
    ("model", "name"), ("model", "stride"), ("model", "global_size"),
    ("model", "encoder_size"),
    ("objective", "name"), ("features", "name"),
)  # fmt: skip


class Start(NamedTuple):
    """What a run begins with: in words, and what step 0 makes of a fresh state."""

    words: str
    of: Callable[[Any], Any]


RANDOM = Start("random numbers", lambda state: state)


def find(
    name: str, settings: config.Config, before: Mapping[str, Any] | None
) -> tuple[checkpoint.Saved, dict[str, str]]:
    """The checkpoint to begin with, and what the run's own checkpoints say of it.

    Args:
        name: as the user gave it; see `shipped.load`.
        settings: of the run.
        before: the notes of the run where it has begun already.

    Raises:
        UserError: there is none, another network was trained there, or this run began
            with something else.
    """
    saved = shipped.load(name)
    theirs = config.parse(saved.about["config"])
    for room, knob in _SHAPING:
        has, wants = (getattr(getattr(c, room), knob) for c in (theirs, settings))
        if has != wants:
            raise UserError(
                f"--init_from={name} has {room}.{knob}={has!r} and this config "
                f"{wants!r}; take the config that it was trained with"
            )
    record = {"name": name, "sha256": checkpoint.digest(saved.variables)}
    if before is not None:
        began = before.get("init_from")
        if began is None or began["sha256"] != record["sha256"]:
            how = f"with {began['name']}" if began else "with random numbers"
            raise UserError(
                f"--init_from={name}: the run in this folder began {how}, from other "
                "numbers; leave --init_from out to go on, or name another --workdir"
            )
    return saved, record


def begin(saved: checkpoint.Saved, name: str) -> Start:
    """The network of `saved`, which the user named so.

    `of` raises `UserError` where the arrays are not those of the state.
    """

    def start(state: Any) -> Any:
        want, have = (
            {jax.tree_util.keystr(path): x.shape for path, x in _leaves(variables)}
            for variables in (state.newest, saved.variables)
        )
        for array in sorted(want.keys() | have.keys()):
            if want.get(array) != have.get(array):
                there, here = have.get(array, "no array"), want.get(array, "none")
                raise UserError(
                    f"--init_from: {saved.path} has {there} where this network has "
                    f"{here}: {array}; take the config that it was trained with"
                )
        return _begun(state, saved.variables)

    return Start(f"the network of {name}", start)


def from_imagenet(size: int) -> Start:
    """A way down that knows ImageNet; all else as it is.

    Args:
        size: `config.model.encoder_size`.

    Raises:
        UserError: its weights are not installed.
    """
    tensors = imagenet.read(size)
    # On the host: a step gives away the buffers of its state, each of them once.
    return Start(
        "a way down that knows ImageNet, and random numbers",
        lambda state: _begun(
            state, imagenet.join(jax.device_get(state.newest), tensors)
        ),
    )


def _begun(state: Any, variables: Any) -> Any:
    places = jax.tree.map(lambda x: x.sharding, state)
    return jax.tree.map(_put, state.begun_with(variables), places)


def _leaves(tree: Any) -> list[Any]:
    leaves: list[Any] = jax.tree_util.tree_leaves_with_path(tree)
    return leaves


def _put(x: Any, sharding: Any) -> jax.Array:
    """`x` as it lies on the devices of all processes."""
    if isinstance(x, jax.Array) and x.sharding == sharding:
        return x
    array = np.asarray(x)
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)
