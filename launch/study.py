"""Real or coloured by a machine? A page that asks people, and the table of answers.

    python -m launch.study --photos=folder:photos --checkpoint=runs/a \\
        --checkpoint=runs/b --out=study
    python -m launch.study --out=study answers/

The first command writes study/index.html, for any browser, on this machine or from a
file server. #0, #1 and so on behind its address choose who sees what; otherwise it is
drawn by chance. The page shows pairs for a second: a photograph in its own colours, and
in those of a checkpoint. Some pairs are for practice. As a control, some show the
colours of another photograph. The answers of each person are one file. The second
command counts how often the colours of a machine were taken for the true ones.

This follows section 3.1 of Colorful Image Colorization (arXiv 1603.08511): one second,
256 px, 10 pairs for practice and 40 for each system. Unlike there, a person sees all
systems, each on other photographs.
"""

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from colorflax import checkpoint, cli, config, predict
from colorflax.disk import files
from colorflax.errors import UserError
from launch import candidates
from launch.perception import page, pictures, sittings, verdict

_CHECKPOINT = flags.DEFINE_multi_string(
    "checkpoint", ["default"], "a run; give several to compare them"
)
_PHOTOS = flags.DEFINE_string(
    "photos", None, "photographs to use, as in folder:DIR; default: the validation "
    "photographs of the first --checkpoint",
)  # fmt: skip
_NAMES = flags.DEFINE_string("names", "*", "only photographs of such names")
_PAIRS = flags.DEFINE_integer("pairs", 40, "pairs of each system that a person sees", 1)
_PRACTICE = flags.DEFINE_integer("practice", 10, "pairs for practice before them", 0)
_SECONDS = flags.DEFINE_float("seconds", 1.0, "how long a pair is shown", 0.05)
_SIDE = flags.DEFINE_integer("side", 256, "px, the longest side of a photograph", 16)
_SEED = flags.DEFINE_integer("seed", 0, "random seed of photographs and order", 0)
_RESAMPLES = flags.DEFINE_integer("resamples", 2000, "of the bootstrap", 1)
_OUT = flags.DEFINE_string("out", "study", "folder of the page")

_SITTINGS = 60  # and more until all systems have been in each place as often


def main(argv: Sequence[str]) -> None:
    """Make the page; or, of files with answers, the table."""
    out = files.local(_OUT.value)
    if argv[1:]:
        _count(argv[1:], out)
    else:
        _make(out)


def _make(out: Path) -> None:
    if not math.isfinite(_SECONDS.value):
        raise UserError(f"--seconds={_SECONDS.value:g}; take a number, as 1")
    page.need_none(out)
    colorizers = _colorizers()
    settings = next(iter(colorizers.values())).saved.about["config"]
    found = candidates.find(config.parse(settings).data, _PHOTOS.value, _NAMES.value)
    systems = [*colorizers, pictures.CONTROL]
    practised, count = _PRACTICE.value, _PAIRS.value * len(systems)
    drawn = pictures.draw(found, count + practised, _SEED.value)
    files.need_writable(out, "--out")
    shown = pictures.show(drawn, colorizers, _SIDE.value, out / page.PICTURES)
    each = len(systems) * -(-_SITTINGS // len(systems))
    study = page.Study(
        systems=systems,
        photos=shown[practised:],
        practised=shown[:practised],
        practice=sittings.practice(practised, len(systems), _SEED.value),
        sittings=sittings.plan(count, len(systems), each, _SEED.value),
        seconds=_SECONDS.value,
        side=_SIDE.value,
        about={
            name: {
                "path": str(x.saved.path),
                "step": x.saved.step,
                "sha256": checkpoint.digest(x.saved.variables),
            }
            for name, x in colorizers.items()
        },
    )
    study.write(out)
    print(
        f"{out / page.PAGE}: {practised} to practise on and {count} to answer. Then: "
        f"python -m launch.study {shlex.quote(f'--out={out}')} ANSWERS..."
    )


def _colorizers() -> dict[str, predict.Colorizer]:
    """By what they are called, each once."""
    found = {name: predict.load(name) for name in _CHECKPOINT.value}
    known = {x.saved.path.resolve() for x in found.values()}
    if len(known) < len(_CHECKPOINT.value):
        raise UserError("one network is named by two --checkpoint; name each once")
    return found


def _count(names: Sequence[str], out: Path) -> None:
    study = page.read(out)
    answers = verdict.read(verdict.files_of(names), study)
    resamples = _RESAMPLES.value
    verdicts = verdict.judge(study.systems, answers, resamples, _SEED.value)
    print(verdict.text(study, verdicts, len(answers), resamples))
    record = verdict.record(study, verdicts, answers)
    record |= {"resamples": resamples, "seed": _SEED.value}
    files.write(out / "verdict.json", json.dumps(record, indent=1).encode())


if __name__ == "__main__":
    cli.run(main)
