"""A checkpoint in the forms that are asked for, each measured; or nothing at all."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from colorflax import __version__, checkpoint, config
from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.exported import comparison, graph, network, program
from colorflax.exported.comparison import Difference
from colorflax.painting import prediction

FORMATS = ("orbax", "stablehlo", "onnx")
NOTES = "export.json"

BOUNDS = {"float32": Difference(0.1, 0.01), "bfloat16": Difference(8.0, 0.3)}
"""What a form may differ by from the checkpoint. Rounding to 8 bits of RGB moves ab by
about 0.3 on average."""


@dataclasses.dataclass(frozen=True)
class Exported:
    """One form of a network: where it is, its size, and how true it is."""

    path: Path  # in the folder of the export
    size: int  # bytes
    difference: Difference


def export(
    saved: checkpoint.Saved,
    out: Path,
    dtype: str,
    formats: Sequence[str],
    decoding: Mapping[str, float] | None = None,
) -> dict[str, Exported]:
    """Write `saved` to the new folder `out` in each of `formats`.

    Args:
        saved: a checkpoint.
        out: a folder.
        dtype: of the stored kernels.
        formats: of `FORMATS`.
        decoding: temperature, tau and gain that it is to be decoded with where
            nothing else is wished for, as far as they are not its own.

    Raises:
        UserError: there is no such format or decoding, a library is missing, `out` is
            there already, or a form differs by more than `BOUNDS` from what it was made
            of; then nothing is left behind.
    """
    if not formats or not set(formats) <= set(FORMATS):
        raise UserError(
            f"--formats={','.join(formats)}: name one or more of {', '.join(FORMATS)}"
        )
    if "onnx" in formats:
        graph.need_libraries()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already; name another --out")
    saved = _travelling(saved, decoding or {})
    given = comparison.inputs(saved)
    live = comparison.colours(_run(saved, saved.variables), given)
    variables = network.stored(saved.variables, dtype)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as aside:
        place = Path(aside) / "whole"
        done = {}
        for form in dict.fromkeys(formats):
            path, function = _WRITE[form](saved, variables, dtype, place)
            apart = comparison.difference(live, comparison.colours(function, given))
            if not apart.within(BOUNDS[dtype]):
                raise _too_far(form, dtype, apart)
            done[form] = Exported(path.relative_to(place), size(path), apart)
        notes = _notes(saved, dtype, done)
        files.write(place / NOTES, json.dumps(notes, indent=1).encode())
        os.replace(place, out)
    return done


def size(path: Path) -> int:
    """Bytes of a file, or of all that are below a folder."""
    each = [path] if path.is_file() else path.rglob("*")
    return sum(p.stat().st_size for p in each if p.is_file())


def _travelling(
    saved: checkpoint.Saved, decoding: Mapping[str, float]
) -> checkpoint.Saved:
    """Decoded as wished, and without the folders of the machine it comes from."""
    values = config.parse(saved.about["config"]).to_dict()
    kind, _, place = values["data"]["source"].partition(":")
    if kind in ("folder", "records"):
        values["data"]["source"] = f"{kind}:{Path(place).name}"
    values["objective"]["prior"] = ""  # the numbers themselves are beside
    values["objective"] |= decoding
    about = saved.about | {"config": config.parse(values).to_dict()}
    if about.get("init_from"):
        name = Path(about["init_from"]["name"]).name
        about["init_from"] = about["init_from"] | {"name": name}
    objective = network.task(dataclasses.replace(saved, about=about)).objective
    for name in set(decoding) - {"gain"}:
        prediction.distribution(objective, f"--{name}", str(saved.path))
    return dataclasses.replace(saved, about=about)


def _orbax(
    saved: checkpoint.Saved, variables: Any, dtype: str, place: Path
) -> tuple[Path, Callable[..., Any]]:
    about = saved.about | {"exported": _source(saved, dtype)}
    checkpoint.publish(place, saved.step, variables, about)
    again = checkpoint.load(place)
    return again.path.parent, _run(again, again.variables)


def _stablehlo(
    saved: checkpoint.Saved, variables: Any, dtype: str, place: Path
) -> tuple[Path, Callable[..., Any]]:
    program.write(saved, variables, place / program.NAME)
    return place / program.NAME, program.load(place / program.NAME)


def _onnx(
    saved: checkpoint.Saved, variables: Any, dtype: str, place: Path
) -> tuple[Path, Callable[..., Any]]:
    graph.write(saved, variables, place / graph.NAME)
    return place / graph.NAME, graph.load(place / graph.NAME)


_WRITE = {"orbax": _orbax, "stablehlo": _stablehlo, "onnx": _onnx}


def _run(saved: checkpoint.Saved, variables: Any) -> Callable[..., Any]:
    task = network.task(saved)
    apply = jax.jit(task.predict)
    return lambda L, embedding=None: apply(variables, L, embedding)


def _source(saved: checkpoint.Saved, dtype: str) -> dict[str, Any]:
    return {
        "from": {
            "sha256": checkpoint.digest(saved.variables),
            "step": saved.step,
            "by": saved.about["colorflax"],
        },
        "by": __version__,
        "dtype": dtype,
    }


def _notes(
    saved: checkpoint.Saved, dtype: str, done: dict[str, Exported]
) -> dict[str, Any]:
    """What somebody needs to know who has the files only."""
    inputs: dict[str, Any] = {
        "L": {"shape": ["batch", "height", "width", 1], "range": [0, 100]}
    }
    if saved.about["features"] is not None:
        inputs["embedding"] = {
            "shape": ["batch", network.WIDTH], "of": saved.about["features"]
        }  # fmt: skip
    output = {"shape": ["batch", "height", "width", 2], "unit": "CIE Lab, D65"}
    return {
        **_source(saved, dtype),
        "inputs": inputs,
        "outputs": {"ab": output},
        "type": "float32",
        "sides": f"multiples of {network.grain(saved)} px",
        "forms": {
            form: {
                "path": str(x.path),
                "bytes": x.size,
                "ab_difference": dataclasses.asdict(x.difference),
            }
            for form, x in done.items()
        },
        "bound": dataclasses.asdict(BOUNDS[dtype]),
        "photographs": [photo.sha256 for photo in comparison.photographs()],
    }


def _too_far(form: str, dtype: str, apart: Difference) -> UserError:
    bound = BOUNDS[dtype]
    hint = "; take --dtype=float32" if dtype != "float32" else ""
    return UserError(
        f"--formats={form}: colours differ from the checkpoint's by {apart.max:.3g} ab "
        f"at most and {apart.mean:.3g} on average, where {bound.max:g} and "
        f"{bound.mean:g} are allowed, so nothing was written{hint}"
    )
